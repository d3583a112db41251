internal import HTTPTypes
internal import NIOCore
internal import NIOHTTP1

/// How a client knows where an answer ends (RFC 9112 §6.3).
enum AnswerFraming: Equatable {
    /// With its head: there is no body, whatever the head says of one.
    case head
    case length(Int)
    case chunked
    /// With the connection.
    case connection

    /// - Parameter length: of the body, in bytes; nil: it is not known yet.
    init(length: Int?, knowsChunks: Bool) {
        self = length.map { .length($0) } ?? (knowsChunks ? .chunked : .connection)
    }
}

extension ByteBuffer {
    /// An answer's status line and fields (RFC 9112 §4 and §5). Names and values of fields cannot hold what would end them early.
    ///
    /// - Parameter isLast: the connection is closed after the answer.
    /// - Parameter date: as ``HTTPDate`` has it.
    mutating func writeAnswerHead(_ head: HTTPResponse, framing: AnswerFraming, isLast: Bool, date: String) {
        if head.status == .ok {
            writeStaticString("HTTP/1.1 200 OK\r\ndate: ")
        } else {
            let phrase = head.status.reasonPhrase
            writeString("HTTP/1.1 \(head.status.code) ")
            writeString(phrase.isEmpty ? HTTPResponseStatus(statusCode: head.status.code).reasonPhrase : phrase)
            writeStaticString("\r\ndate: ")
        }
        writeString(date)
        writeStaticString("\r\n")
        for field in head.headerFields {
            // Lengths first: they are compared faster, and there are many fields.
            switch field.name.rawName.utf8.count {
            case 4 where field.name == .date, 10 where isLast && field.name == .connection, 17 where field.name == .transferEncoding:
                continue
            case 14 where field.name == .contentLength && !(framing == .head && head.mayTellLength(field.value)): continue
            default: writeField(field)
            }
        }
        switch framing {
        case .length(let length):
            writeStaticString("content-length: ")
            writeString(String(length))
            writeStaticString("\r\n")
        case .chunked: writeStaticString("transfer-encoding: chunked\r\n")
        case .head, .connection: break
        }
        if isLast { writeStaticString("connection: close\r\n") }
        writeStaticString("\r\n")
    }

    private mutating func writeField(_ field: HTTPField) {
        writeString(field.name.rawName)
        writeStaticString(": ")
        _ = field.withUnsafeBytesOfValue { writeBytes(UnsafeRawBufferPointer($0)) }
        writeStaticString("\r\n")
    }

    /// Before a chunk's bytes (RFC 9112 §7.1).
    mutating func writeChunkHead(_ length: Int) {
        writeString(String(length, radix: 16))
        writeStaticString("\r\n")
    }

    /// After the last chunk.
    mutating func writeChunksEnd(_ trailers: HTTPFields?) {
        writeStaticString("0\r\n")
        for field in trailers ?? [:] { writeField(field) }
        writeStaticString("\r\n")
    }
}

extension HTTPResponse {
    /// RFC 9110 §8.6: an answer to HEAD tells the length that the one to GET would have, or none; zero is what it seems to be where nobody has
    /// made a body. These statuses have none.
    fileprivate func mayTellLength(_ length: String) -> Bool { status != .noContent && status != .notModified && length != "0" }
}
