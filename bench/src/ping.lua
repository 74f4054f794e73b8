-- The load of the do-nothing row, for wrk. The last line of the output is the result in JSON.

function done(summary, latency)
  local errors = summary.errors
  io.write(string.format('\n{"requests":%d,"good":%d,"bad":%d,"broken":%d,"seconds":%.6f,"p50":%.3f,"p99":%.3f,"firstBad":""}\n',
    summary.requests, summary.requests - errors.status, errors.status,
    errors.connect + errors.read + errors.write + errors.timeout, summary.duration / 1e6,
    latency:percentile(50) / 1000, latency:percentile(99) / 1000))
end
