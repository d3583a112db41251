extension Texts {
    enum Errors {
        static let code = "Error code"
        static let request = "Request"

        static func title(_ kind: ErrorPage.Kind) -> String {
            switch kind {
            case .unknownClient: "Unknown application"
            case .redirectURI: "Wrong return address"
            case .malformedRequest: "This link does not work"
            case .expired: "This page has expired"
            case .forgery: "Please start again"
            case .cookies: "Cookies are needed"
            case .unknownTenant: "No such organization"
            case .notFound: "Page not found"
            case .methodNotAllowed: "This page cannot do that"
            case .forbidden: "You have no access here"
            case .linkUsed: "This link is no longer valid"
            case .tooManyRequests: "Too many requests"
            case .unavailable: "Temporarily unavailable"
            case .failure: "Something went wrong"
            }
        }

        static func happened(_ kind: ErrorPage.Kind) -> HTML {
            switch kind {
            case .unknownClient: "The application that sent you here is not registered with this organization, or is turned off."
            case .redirectURI: "The application asked to send you to an address that is not registered for it, so you were not sent there."
            case .malformedRequest: "The application that sent you here made a request that is incomplete or wrong."
            case .expired: "You took longer than this page can wait, or you finished signing in elsewhere."
            case .forgery: "What you sent does not belong to a page that was opened in this browser, so it was not carried out."
            case .cookies: "Your browser did not keep the cookie that ties the steps of signing in together."
            case .unknownTenant: "There is no organization at this address."
            case .notFound: "There is nothing at this address."
            case .methodNotAllowed: "This address exists, but not for what was asked of it."
            case .forbidden: "Your account is not a member of this organization, or may not use this application."
            case .linkUsed: "It was used before, it was withdrawn, or it is too old."
            case .tooManyRequests: "More requests came from your network than this server takes at once."
            case .unavailable: "The server cannot answer at the moment."
            case .failure: "The server could not finish what you asked for. This is not your fault."
            }
        }

        static func advice(_ kind: ErrorPage.Kind) -> HTML {
            switch kind {
            case .unknownClient, .redirectURI, .malformedRequest:
                "Go back to the application and try again. If it happens again, tell the people who run it, with the codes below."
            case .expired, .forgery: "Go back to the application and start again."
            case .cookies: "Allow cookies for this site, then go back to the application and start again."
            case .unknownTenant, .notFound: "Check the address, or go back to where you came from."
            case .methodNotAllowed: "Go back to where you came from and try again."
            case .forbidden: "Ask an administrator of the organization for access, or sign in with another account."
            case .linkUsed: "Ask the person who sent it for a new one."
            case .tooManyRequests: "Wait a minute, then try again."
            case .unavailable: "Try again in a minute. Nothing was lost."
            case .failure: "Try again. If it happens again, tell an administrator, with the codes below."
            }
        }
    }
}
