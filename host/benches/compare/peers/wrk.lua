-- The load of one measurement. Arguments: method, bytes of body, "keep-alive" or "close",
-- and perhaps how many hosts are asked, t0 and so on, one by one.

function init(args)
    wrk.method = args[1]
    if tonumber(args[2]) > 0 then
        wrk.body = string.rep("x", tonumber(args[2]))
    end
    if args[3] == "close" then
        wrk.headers["Connection"] = "close"
    end
    if args[4] then
        requests = {}
        for number = 1, tonumber(args[4]) do
            wrk.headers["Host"] = "t" .. (number - 1)
            requests[number] = wrk.format()
        end
        request = next_request
    end
end

local number = 0

function next_request()
    -- A step that has nothing in common with any power of two or ten.
    number = (number + 7919) % #requests
    return requests[number + 1]
end

-- One line for load.rs: requests, microseconds, three percentiles in microseconds, errors.
function done(summary, latency)
    local errors = summary.errors
    io.write(string.format("compare: %d %d %d %d %d %d\n",
        summary.requests, summary.duration,
        latency:percentile(50), latency:percentile(99), latency:percentile(99.9),
        errors.connect + errors.read + errors.write + errors.status + errors.timeout))
end
