-- POST {url}: refresh tokens, each exchanged for its successor, which is used in its turn. Argument: a file with the credentials in Base64, then
-- one refresh token a line: more of them than connections.
local headers = { ["Content-Type"] = "application/x-www-form-urlencoded" }
local tokens, first, last = {}, 1, 0

function init(args)
    for line in io.lines(args[1]) do
        if headers["Authorization"] then
            last = last + 1
            tokens[last] = line
        else
            headers["Authorization"] = "Basic " .. line
        end
    end
end

function request()
    local token = tokens[first]
    tokens[first] = nil
    first = first + 1
    return wrk.format("POST", nil, headers, "grant_type=refresh_token&refresh_token=" .. token)
end

function response(status, _, body)
    last = last + 1
    tokens[last] = body:match('"refresh_token":"([^"]+)"')
end
