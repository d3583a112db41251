/// Stands in for the product's own, which knows of keys: what ``Base64URL`` throws is all that is needed here.
public enum JOSEError: Error {
    case malformed(String)
}
