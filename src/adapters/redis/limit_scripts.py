"""What Redis does for limits in one step, in its Lua.

Keys, after the prefix; D is the digest of a limit's key, W the name of a process, quoted:

    lf:D   string  when a flow is full, by the server's clock; it expires then
    lc:D   hash    what runs, by process
    lp:W   string  a process that was heard of a short while ago

Each script checks first and writes then: Redis takes nothing back when a script fails.
"""

from .server import Script

# What runs is counted for a day at most, so that no limit's key stays behind for ever.
_COUNTING = """
local P, process = ARGV[1], ARGV[2]
local time = redis.call('TIME')
local now = tonumber(time[1]) + tonumber(time[2]) / 1000000
local DEBT, KEPT_S = 3600, 86400

local function number(value)
  return string.format('%.6f', value)
end

local function put(key, full_at)
  if full_at > now then
    redis.call('SET', key, number(full_at), 'PX', math.ceil((full_at - now) * 1000) + 1000)
  else
    redis.call('DEL', key)
  end
end

local function running(key)
  local found, total = redis.call('HGETALL', key), 0
  for n = 1, #found, 2 do
    if found[n] == process or redis.call('EXISTS', P .. 'lp:' .. found[n]) == 1 then
      total = total + tonumber(found[n + 1])
    else
      redis.call('HDEL', key, found[n])
    end
  end
  return total
end

local function change(key, by)
  local left = tonumber(redis.call('HGET', key, process) or '0') + by
  if left > 0 then
    redis.call('HSET', key, process, left)
    redis.call('EXPIRE', key, KEPT_S)
  else
    redis.call('HDEL', key, process)
  end
end
"""

# process, then of each limit: f or c, digest, the time one takes to flow in, burst, amount.
# Returns of each: remaining, reset, wait.
TAKE = Script(
    _COUNTING
    + """
local plans, standings, refused = {}, {}, false
for n = 3, #ARGV, 5 do
  local kind, digest = ARGV[n], ARGV[n + 1]
  local one_s, burst, amount = tonumber(ARGV[n + 2]), tonumber(ARGV[n + 3]), tonumber(ARGV[n + 4])
  local plan = {kind = kind, key = P .. 'l' .. kind .. ':' .. digest, amount = amount}
  plan.one_s, plan.burst = one_s, burst
  if kind == 'c' then
    plan.before = running(plan.key)
    plan.lacks = plan.before + amount > burst
  else
    plan.before = math.max(tonumber(redis.call('GET', plan.key) or '0') - now, 0)
    plan.wait = plan.before + amount * one_s - burst * one_s
    plan.lacks = plan.wait > 0.000001
  end
  refused = refused or plan.lacks
  plans[#plans + 1] = plan
end
for n, plan in ipairs(plans) do
  local after, wait = plan.before, 0
  if plan.lacks then wait = plan.wait or 1 end
  if plan.kind == 'c' then
    if not refused then
      change(plan.key, plan.amount)
      after = after + plan.amount
    end
    standings[n] = {number(math.max(plan.burst - after, 0)), '0', number(wait)}
  else
    if not refused then
      after = after + plan.amount * plan.one_s
      put(plan.key, now + after)
    end
    local remaining = math.max(plan.burst - after / plan.one_s, 0)
    standings[n] = {number(remaining), number(after), number(wait)}
  end
end
return standings
"""
)

# process, then of each change: as above, where the amount is given back.
GIVE = Script(
    _COUNTING
    + """
for n = 3, #ARGV, 5 do
  local key = P .. 'l' .. ARGV[n] .. ':' .. ARGV[n + 1]
  local one_s, burst, amount = tonumber(ARGV[n + 2]), tonumber(ARGV[n + 3]), tonumber(ARGV[n + 4])
  if ARGV[n] == 'c' then
    change(key, -amount)
  else
    local full_at = math.max(tonumber(redis.call('GET', key) or '0'), now) - amount * one_s
    put(key, math.min(full_at, now + burst * one_s + DEBT))
  end
end
"""
)

# process, milliseconds until it counts as dead; then digests and counts. It may have told so much
# once a second under another number, unheard: those names are dead by now.
ALIVE = Script(
    _COUNTING
    + """
local known = redis.call('EXISTS', P .. 'lp:' .. process)
redis.call('SET', P .. 'lp:' .. process, '1', 'PX', ARGV[3])
if known == 0 then
  local name, number = string.match(process, '^(.*)%.(%d+)$')
  for n = number - 20, number - 1 do
    redis.call('DEL', P .. 'lp:' .. name .. '.' .. n)
  end
  for n = 4, #ARGV, 2 do
    local key = P .. 'lc:' .. ARGV[n]
    redis.call('HSET', key, process, ARGV[n + 1])
    redis.call('EXPIRE', key, KEPT_S)
  end
end
"""
)
