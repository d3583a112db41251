import FoundationEssentials
import JSON
import OAuth
import Tenancy

/// `invitations`.
struct InvitationResource: Sendable {
    let invitations: SentInvitations
    let issuers: Issuers

    @Sendable func list(_ request: AdminRequest) async throws -> AdminAnswer {
        var after: UUID?
        if let cursor = try request.after() {
            guard let id = UUID(uuidString: cursor) else { throw AdminRequest.unusableCursor }
            after = id
        }
        let rows = try await invitations.page(in: request.tenant.id, after: after, limit: request.limit + 1)
        return .page(rows, limit: request.limit, \.json, cursor: \.id.uuidString)
    }

    @Sendable func create(_ request: AdminRequest) async throws -> AdminAnswer {
        let (invitation, secret) = try await invitations.create(
            email: request.text("email") ?? "", role: request.text("role") ?? "", in: request.tenant.id, by: request.administrator)
        return .created(
            [
                "id": .string(invitation.name), "email": .string(invitation.email), "role": .string(invitation.role),
                "expires_at": .integer(invitation.expiresAt),
                "url": .string("\(issuers.issuer(of: request.tenant.slug))/invitations?token=\(secret.rawValue)"),
            ],
            at: "invitations/\(invitation.name)", isRepresentation: false)
    }

    @Sendable func get(_ request: AdminRequest) async throws -> AdminAnswer {
        guard let id = UUID(uuidString: request.id("invitation_id")), let invitation = try await invitations.find(id, in: request.tenant.id)
        else { throw Problem.notFound("invitation", request.id("invitation_id")) }
        return .resource(invitation.json)
    }

    @Sendable func withdraw(_ request: AdminRequest) async throws -> AdminAnswer {
        guard let id = UUID(uuidString: request.id("invitation_id")) else {
            throw Problem.notFound("invitation", request.id("invitation_id"))
        }
        try await invitations.withdraw(id, in: request.tenant.id, by: request.administrator) { try request.requireMatch($0.json) }
        return .noContent
    }
}

extension Invitation {
    fileprivate var json: JSONObject {
        [
            "id": .string(name), "email": .string(email), "role": .string(role), "invited_by": .string(invitedBy),
            "created_at": .integer(createdAt), "expires_at": .integer(expiresAt),
        ]
    }
}
