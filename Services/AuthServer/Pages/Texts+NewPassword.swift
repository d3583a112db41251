extension Texts {
    enum NewPassword {
        static let new = "New password"
        static let repeated = "New password again"
        static let current = "Current password"

        static func title(_ reason: PasswordSetPage.Reason) -> String {
            switch reason {
            case .invitation: "Choose a password"
            case .changeRequired, .change: "Change your password"
            case .reset: "Choose a new password"
            }
        }

        static func lead(_ reason: PasswordSetPage.Reason, _ tenant: String) -> HTML {
            switch reason {
            case .invitation: "to join <strong>\(Parts.name(tenant))</strong>"
            case .changeRequired: "<strong>\(Parts.name(tenant))</strong> asks you for a new password before you continue."
            case .change: "for your <strong>\(Parts.name(tenant))</strong> account"
            case .reset: "for your <strong>\(Parts.name(tenant))</strong> account"
            }
        }

        static func button(_ reason: PasswordSetPage.Reason) -> String {
            reason == .invitation ? "Save and continue" : "Save new password"
        }

        static func policy(minimumLength: Int) -> String {
            "At least \(minimumLength) characters. A few words that only you would put together are strong and easy to remember."
        }

        static func problem(_ problem: PasswordSetPage.Problem) -> String {
            switch problem {
            case .tooShort(let length): "That password is too short. Use at least \(length) characters."
            case .tooLong(let length): "That password is too long. Use at most \(length) characters."
            case .breached: "That password is known from data leaks, so others could guess it. Choose another one."
            case .containsIdentity: "That password is too close to your name or address. Choose another one."
            case .sameAsBefore: "That is the password you have now. Choose another one."
            case .notRepeated: "The two passwords are not the same. Enter the new password twice."
            case .missing: "Enter a new password."
            case .wrongCurrentPassword: "Your current password is not right."
            case .expired: expired
            case .busy: busy
            }
        }
    }
}
