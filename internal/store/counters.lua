-- Takes from counters, or from none of them if one has too little left. KEYS are the counters. ARGV has, for each, its size, the price,
-- the longest length of its window in seconds (0 for a rate), and how far beyond that the end of a window may be; and after those, ends
-- of months. Returns, for each, what was used before, and the nanoseconds that its window lasts (0 for a rate).
--
-- A rate is kept as its theoretical arrival time, "SECONDS NANOSECONDS", a quota as "END USED". All numbers are whole, and below 2^53.
local clock = redis.call('TIME')
local seconds, nanoseconds = tonumber(clock[1]), tonumber(clock[2]) * 1000
local day, second = 86400, 1000000000

local function ends(longest)
  if longest <= day then return seconds - seconds % longest + longest end
  for i = #KEYS * 4 + 1, #ARGV do
    local left = tonumber(ARGV[i]) - seconds
    if left > 0 and left <= longest then return seconds + left end
  end
  return seconds + longest -- the caller's clock is months away from ours
end

local answer, values, all = {}, {}, true
for i, key in ipairs(KEYS) do
  local size, price, longest, margin = tonumber(ARGV[i * 4 - 3]), tonumber(ARGV[i * 4 - 2]), tonumber(ARGV[i * 4 - 1]), tonumber(ARGV[i * 4])
  local first, last = string.match(redis.call('GET', key) or '', '^(%d+) (%d+)$')
  first, last = tonumber(first), tonumber(last)
  local used, left, stop = 0, 0, 0
  if longest == 0 then
    if first then used = math.min(size, math.max(0, (first - seconds) * second + last - nanoseconds)) end
  else
    stop = ends(longest)
    if first and first > seconds and first - seconds <= longest + margin then stop, used = first, math.min(size, last) end
    left = (stop - seconds) * second - nanoseconds
  end
  answer[i * 2 - 1], answer[i * 2] = used, left
  all = all and price <= size - used
  local after = math.max(0, used + price)
  if longest == 0 then
    local at = nanoseconds + after
    values[i] = {string.format('%.0f %.0f', seconds + math.floor(at / second), at % second), math.ceil(after / 1000000) + 1}
  else
    values[i] = {string.format('%.0f %.0f', stop, after), math.ceil(left / 1000000)}
  end
end
if all then
  for i, key in ipairs(KEYS) do redis.call('SET', key, values[i][1], 'PX', string.format('%.0f', values[i][2])) end
end
return answer
