// The names of ack logs. A timer's id on disk comes out of the database, where others may have put anything.

const PREFIX = 'acks-'
/** As `createTimer()` makes them: an id in the letters of a URL, and a random number. */
const WID = /^[\w.!~*'()%-]{0,255}~[0-9a-f]{12}$/

/** The name of a timer's log; undefined where the id is none of ours, and so may be a way elsewhere. */
export function logName(wid: string): string | undefined {
  return WID.test(wid) ? `${PREFIX}${wid}` : undefined
}

export function isLogName(name: string): boolean {
  return widOf(name) !== undefined
}

/** Whose log it is; undefined: it is none. */
export function widOf(name: string): string | undefined {
  const wid = name.startsWith(PREFIX) ? name.slice(PREFIX.length) : undefined
  return wid !== undefined && WID.test(wid) ? wid : undefined
}
