-- wrk: one GraphQL query, each time with the token of another tenant. A line of JSON at the end.
local requests = {}

function init()
  for token in io.lines(os.getenv("BENCH_TOKENS")) do
    requests[#requests + 1] = wrk.format("POST", "/graphql", {
      ["Content-Type"] = "application/json", ["Authorization"] = "Bearer " .. token,
    }, os.getenv("BENCH_BODY"))
  end
end

local at = 0
function request()
  at = at % #requests + 1
  return requests[at]
end

function done(summary, latency)
  local bad = summary.errors.status + summary.errors.connect + summary.errors.read + summary.errors.timeout
  io.write(string.format('\nJSON {"requests":%d,"seconds":%.3f,"p50":%.3f,"p99":%.3f,"errors":%d,"bytes":%d}\n',
    summary.requests, summary.duration / 1e6, latency:percentile(50) / 1e3, latency:percentile(99) / 1e3, bad,
    summary.bytes))
end
