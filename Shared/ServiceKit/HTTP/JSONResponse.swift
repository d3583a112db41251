public import HTTPTypes
public import Hummingbird
internal import NIOCore

extension Response {
    /// A JSON answer whose body is ready; `Content-Length` is set from it.
    public static func json(
        status: HTTPResponse.Status = .ok, _ body: [UInt8], headers: HTTPFields = [:], contentType: String = "application/json"
    ) -> Response {
        var headers = headers
        headers[.contentType] = contentType
        return Response(status: status, headers: headers, body: ResponseBody(byteBuffer: ByteBuffer(bytes: body)))
    }

    public static func text(
        status: HTTPResponse.Status = .ok, _ text: String, contentType: String = "text/plain; charset=utf-8"
    ) -> Response {
        Response(status: status, headers: [.contentType: contentType], body: ResponseBody(byteBuffer: ByteBuffer(string: text)))
    }
}
