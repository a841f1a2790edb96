-- wrk: one GraphQL query, again and again. The percentiles go out as one line of JSON.
wrk.method = "POST"
wrk.headers["Content-Type"] = "application/json"
wrk.headers["Authorization"] = "Bearer " .. os.getenv("BENCH_TOKEN")
wrk.headers["X-Phoenix-Tenant"] = os.getenv("BENCH_TENANT")
wrk.body = os.getenv("BENCH_BODY")

function done(summary, latency)
  local bad = summary.errors.status + summary.errors.connect + summary.errors.read + summary.errors.timeout
  io.write(string.format('\nJSON {"requests":%d,"seconds":%.3f,"p50":%.3f,"p99":%.3f,"errors":%d,"bytes":%d}\n',
    summary.requests, summary.duration / 1e6, latency:percentile(50) / 1e3, latency:percentile(99) / 1e3, bad,
    summary.bytes))
end
