-- POST {url}: a form with HTTP Basic. Argument: a file with the credentials in Base64 and then a form a line, so that no secret is in the
-- arguments. Several forms are sent in turn.
local forms, next_form = {}, 0

function init(args)
    local file = assert(io.open(args[1]))
    wrk.method = "POST"
    wrk.headers["Content-Type"] = "application/x-www-form-urlencoded"
    wrk.headers["Authorization"] = "Basic " .. file:read("*l")
    for form in file:lines() do forms[#forms + 1] = form end
    file:close()
    wrk.body = forms[1]
    if #forms > 1 then request = function()
        next_form = next_form % #forms + 1
        return wrk.format(nil, nil, nil, forms[next_form])
    end end
end
