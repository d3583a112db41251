-- POST {url}: a form with HTTP Basic. Argument: a file with the credentials in Base64 and then the form, so that no secret is in the arguments.
function init(args)
    local file = assert(io.open(args[1]))
    wrk.method = "POST"
    wrk.headers["Content-Type"] = "application/x-www-form-urlencoded"
    wrk.headers["Authorization"] = "Basic " .. file:read("*l")
    wrk.body = file:read("*l")
    file:close()
end
