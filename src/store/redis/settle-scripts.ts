import { redisScript } from './redis-script.js';
import { numbers, place } from './redis-scripts.js';

/*
 * What is met under another incarnation than the one that stands here proves nothing any more: an acknowledged invalidation may have been undone. The list of
 * versions goes, and with it every entry that was made under it, and the feed begins a new lineage.
 *
 * KEYS of both scripts: counter, watched item, incarnation · ARGV: 1 word, 2 the present incarnation, 3 what the names of all with the same data begin with,
 * 4 the known one or nothing, 5 for how many ms nobody has answered the process elsewhere.
 */

/**
 * A process that comes from elsewhere lifts whatever stands here, since an incarnation can return: A → B → A. Where the last lift here is younger than the
 * last answer that the process had elsewhere, it did it for this process too: all that was acknowledged to it there came before. Half a minute bounds what a
 * clock that is set back may hide.
 */
const lifting = `
local time = redis.call('TIME')
local nowMs = tonumber(time[1]) * 1000 + tonumber(time[2]) / 1000
local function isSame(incarnation) return incarnation:sub(1, #ARGV[3]) == ARGV[3] end
local function hasToLift()
  local stood = textOf(KEYS[3])
  if not isSame(stood) then return true end
  if ARGV[4] == '' or isSame(ARGV[4]) then return false end
  local liftedMs = tonumber(stood:match('\\n(%d+)$') or 0)
  return liftedMs > nowMs or liftedMs < nowMs - 30000 or liftedMs < nowMs - tonumber(ARGV[5])
end`;

/** Asked first: a server that refuses writes may have nothing to write. @returns word, and 1: the feed stands and has not to be lifted. */
export const isFeedSettled = redisScript(`#!lua flags=no-writes
${numbers}
${lifting}
local number = placeOf(KEYS[1])
local stands = number and lengthOf(numbered(number)) > 0
return {ARGV[1], stands and not hasToLift() and 1 or 0}`);

/** Further ARGV: 6 and 7 seed and id of a new lineage, 8 `spare` or nothing. @returns word, and 1 lifted, 0 not. */
export const settleFeed = redisScript(`#!lua flags=allow-oom
${place}
${lifting}
local lifts = hasToLift()
if lifts then
  local number = placeOf(KEYS[1])
  if number then redis.call('UNLINK', KEYS[1], numbered(number)) end
  if ARGV[8] == '' then redis.call('UNLINK', KEYS[2]) end
  redis.call('SET', KEYS[3], ARGV[2] .. string.format('\\n%.0f', math.floor(nowMs)))
end
place(ARGV[6], ARGV[7])
return {ARGV[1], lifts and 1 or 0}`);
