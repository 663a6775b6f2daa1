-- The load of one measurement. Arguments: method, bytes of body, "keep-alive" or "close".

function init(args)
    wrk.method = args[1]
    if tonumber(args[2]) > 0 then
        wrk.body = string.rep("x", tonumber(args[2]))
    end
    if args[3] == "close" then
        wrk.headers["Connection"] = "close"
    end
end

-- One line for load.rs: requests, microseconds, three percentiles in microseconds, errors.
function done(summary, latency)
    local errors = summary.errors
    io.write(string.format("compare: %d %d %d %d %d %d\n",
        summary.requests, summary.duration,
        latency:percentile(50), latency:percentile(99), latency:percentile(99.9),
        errors.connect + errors.read + errors.write + errors.status + errors.timeout))
end
