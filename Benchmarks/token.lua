-- POST {url}: a token by client credentials. Argument: a file with "client_id:client_secret" in Base64, so that no secret is in the arguments.
function init(args)
    local file = assert(io.open(args[1]))
    wrk.method = "POST"
    wrk.body = "grant_type=client_credentials&scope=customers%3Aread"
    wrk.headers["Content-Type"] = "application/x-www-form-urlencoded"
    wrk.headers["Authorization"] = "Basic " .. file:read("*l")
    file:close()
end
