-- GET {url} with access tokens, one after the other. Argument: a file with one token a line.
local requests, next_one = {}, 0

function init(args)
    for token in io.lines(args[1]) do
        requests[#requests + 1] = wrk.format("GET", nil, { ["Authorization"] = "Bearer " .. token })
    end
end

function request()
    next_one = next_one % #requests + 1
    return requests[next_one]
end
