-- The load of one slot, for wrk: sends the requests of a file one after the other, and counts the good answers.
--
-- Arguments: the file; the least bytes of a good answer. The file's lines are `token TAB body`; `@uuid@` in a body
-- stands for a new UUID each time. The last line of the output is the result in JSON.

local threads = {}

function setup(thread)
  thread:set("number", #threads + 1)
  table.insert(threads, thread)
end

-- Two halves of a request, between which the UUID goes, or a whole one.
local function make(token, body)
  local head = "POST " .. wrk.path .. " HTTP/1.1\r\nHost: " .. wrk.host .. ":" .. wrk.port ..
    "\r\nAuthorization: Bearer " .. token .. "\r\nContent-Type: application/json\r\nContent-Length: "
  local before, after = body:match("^(.*)@uuid@(.*)$")
  if before then
    local length = #before + 36 + #after
    return { head .. length .. "\r\n\r\n" .. before, after }
  end
  return { head .. #body .. "\r\n\r\n" .. body }
end

function init(args)
  least = tonumber(args[2])
  good, bad, first_bad = 0, 0, ""
  requests = {}
  for line in io.lines(args[1]) do
    local token, body = line:match("^(.-)\t(.*)$")
    table.insert(requests, make(token, body))
  end
  math.randomseed(os.time() * 100 + number)
  -- Threads begin at different places.
  place = math.random(#requests)
end

local function uuid()
  local random = math.random
  return string.format("%08x-%04x-4%03x-8%03x-%06x%06x", random(0, 0xffffffff), random(0, 0xffff),
    random(0, 0xfff), random(0, 0xfff), random(0, 0xffffff), random(0, 0xffffff))
end

function request()
  place = place % #requests + 1
  local parts = requests[place]
  if parts[2] then return parts[1] .. uuid() .. parts[2] end
  return parts[1]
end

function response(status, headers, body)
  if status == 200 and #body >= least and not body:find('"errors"', 1, true) then
    good = good + 1
  else
    bad = bad + 1
    if bad == 1 then first_bad = status .. " " .. body:sub(1, 500) end
  end
end

function done(summary, latency, requests)
  local good, bad, first_bad = 0, 0, ""
  for _, thread in ipairs(threads) do
    good = good + thread:get("good")
    bad = bad + thread:get("bad")
    if first_bad == "" then first_bad = thread:get("first_bad") end
  end
  local errors = summary.errors.connect + summary.errors.read + summary.errors.write + summary.errors.timeout
  io.write(string.format('\n{"requests":%d,"good":%d,"bad":%d,"broken":%d,"seconds":%.6f,"p50":%.3f,"p99":%.3f,"firstBad":"%s"}\n',
    summary.requests, good, bad, errors, summary.duration / 1e6,
    latency:percentile(50) / 1000, latency:percentile(99) / 1000, first_bad:gsub('[%c"\\]', "'")))
end
