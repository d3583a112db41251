-- POST {url} with access tokens, one after the other. Arguments: a file with one token a line, a body of JSON.
local requests, next_one = {}, 0

function init(args)
    for token in io.lines(args[1]) do
        requests[#requests + 1] = wrk.format("POST", nil, {
            ["Authorization"] = "Bearer " .. token, ["Content-Type"] = "application/json", ["Prefer"] = "return=minimal",
        }, args[2])
    end
end

function request()
    next_one = next_one % #requests + 1
    return requests[next_one]
end
