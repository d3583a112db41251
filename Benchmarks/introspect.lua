-- POST {url}: introspection of access tokens, one after the other. Argument: a file with the credentials in Base64, then one token a line.
local requests, next_one = {}, 0

function init(args)
    local headers = { ["Content-Type"] = "application/x-www-form-urlencoded" }
    for line in io.lines(args[1]) do
        if headers["Authorization"] then
            requests[#requests + 1] = wrk.format("POST", nil, headers, "token=" .. line)
        else
            headers["Authorization"] = "Basic " .. line
        end
    end
end

function request()
    next_one = next_one % #requests + 1
    return requests[next_one]
end
