-- Takes from counters, or from none of them if one has too little left. KEYS are the counters. ARGV has, for each, its size, the price,
-- the longest length of its window in seconds (0 for a rate), and how far beyond that the end of a window may be, or what a cost of 1 uses
-- of a rate; and after those, ends of months. Returns, for each, what was used before, and the nanoseconds that its window lasts (0 for a
-- rate).
--
-- A rate is kept as its theoretical arrival time, and what a cost of 1 used then, "SECONDS NANOSECONDS UNIT", a quota as "END USED". All
-- numbers are whole, and below 2^53.
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

-- ahead is how far a rate is ahead of the clock, and whether that is another value than the one that is kept: what was taken of another rate,
-- before a change, counts by its number, and neither a change nor a clock that is set back keeps anybody out for hours.
local function ahead(size, unit, at, nanos, of)
  if not at then return 0, false end
  local was = math.max(0, (at - seconds) * second + nanos - nanoseconds)
  local used = was
  if of and of ~= unit then used = math.ceil(was / of * unit) end
  used = math.min(used, size + 3600 * second)
  return used, used ~= was
end

local function rate(used, unit)
  local at = nanoseconds + used
  return {string.format('%.0f %.0f %.0f', seconds + math.floor(at / second), at % second, unit), math.ceil(used / 1000000) + 1}
end

local function keep(key, value) redis.call('SET', key, value[1], 'PX', string.format('%.0f', value[2])) end

local answer, values, all = {}, {}, true
for i, key in ipairs(KEYS) do
  local size, price, longest, margin = tonumber(ARGV[i * 4 - 3]), tonumber(ARGV[i * 4 - 2]), tonumber(ARGV[i * 4 - 1]), tonumber(ARGV[i * 4])
  local kept = {}
  for number in string.gmatch(redis.call('GET', key) or '', '%d+') do kept[#kept + 1] = tonumber(number) end
  local used, left, stop = 0, 0, 0
  if longest == 0 then
    local changed
    used, changed = ahead(size, margin, unpack(kept))
    if changed then keep(key, rate(used, margin)) end
  else
    local first, last = kept[1], kept[2]
    stop = ends(longest)
    if first and first > seconds and first - seconds <= longest + margin then stop, used = first, math.min(size, last) end
    left = (stop - seconds) * second - nanoseconds
  end
  answer[i * 2 - 1], answer[i * 2] = used, left
  all = all and price <= size - used
  local after = math.max(0, used + price)
  if longest == 0 then
    values[i] = rate(after, margin)
  else
    values[i] = {string.format('%.0f %.0f', stop, after), math.ceil(left / 1000000)}
  end
end
if all then
  for i, key in ipairs(KEYS) do keep(key, values[i]) end
end
return answer
