-- Sixteen requests in one piece; wrk counts their answers one by one.
function init()
    sixteen = string.rep(wrk.format(), 16)
end

function request()
    return sixteen
end
