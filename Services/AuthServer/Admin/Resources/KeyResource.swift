import FoundationEssentials
import JOSE
import JSON
import Postgres
import ServiceKit
import Tenancy

/// `keys`: what the tenant's tokens are signed with.
struct KeyResource: Sendable {
    let rotation: KeyRotation
    let clock: WallClock

    @Sendable func list(_ request: AdminRequest) async throws -> AdminAnswer {
        let now = clock.now
        let keys = try await rotation.store.all(in: request.tenant.id)
        return .page(keys, limit: keys.count, { $0.json(now: now) }, cursor: \.keyID)
    }

    @Sendable func rotate(_ request: AdminRequest) async throws -> AdminAnswer {
        let algorithm = request.text("algorithm").flatMap(JWSAlgorithm.init)
        do {
            let outcome = try await rotation.rotate(
                request.tenant, to: algorithm, immediately: request.flag("immediately") ?? false, by: request.administrator)
            var answer: AdminAnswer
            switch outcome {
            case .promoted(let active, let next): answer = .resource(["active": .string(active), "next": .string(next)])
            case .published(let next): answer = .resource(["next": .string(next)])
            }
            answer.isRepresentation = false
            return answer
        } catch let conflict as KeyRotationConflict {
            throw Problem(.conflict, conflict.description)
        }
    }
}

extension SealedSigningKey {
    func json(now: Int64) -> JSONObject {
        var json: JSONObject = [
            "kid": .string(keyID), "alg": .string(algorithm.rawValue), "state": .string(currentState(at: now).rawValue),
            "created_at": .integer(Int64(createdAt.timeIntervalSince1970)),
        ]
        if let activatedAt { json["activated_at"] = .integer(Int64(activatedAt.timeIntervalSince1970)) }
        if let retireAfter { json["retire_after"] = .integer(Int64(retireAfter.timeIntervalSince1970)) }
        return json
    }
}
