// What was most likely meant by a directory that has no board, or no queue: a board or a queue
// beside it, in it or above it, or that it is something else. Looks at names and first bytes; opens nothing.

import { closeSync, existsSync, readdirSync } from 'node:fs'
import { basename, dirname, join, relative, resolve } from 'node:path'

import { nearestName } from '../../util/check-options'
import { redactUrl } from '../../util/redact'
import { isOfServer } from '../../util/schemes'
import { namesIn, openToRead, readInto, statsOf } from '../../util/trust'

type Kind = 'board' | 'queue' | 'fleet'

const KINDS: readonly Kind[] = ['board', 'fleet', 'queue']
const LOOK: Readonly<Record<Kind, string>> = {
  board: 'rollcall ls',
  queue: 'rollcall queue status --queue',
  fleet: 'rollcall ls',
}
/** A board's file begins so; the other way round on a machine of the other byte order. */
const MAGIC = ['rollcall', 'llacllor']
const DATABASE = /^[0-9a-f]{16}\.db$/
/** In the root of a fleet, and where it is looked for. */
const FLEET = '"rollcall-fleet"'
const ROOT_BYTES = 256 * 1024
/** More neighbours than that are not looked at, and not told. */
const MOST_ENTRIES = 1000
const MOST_TOLD = 3
/** Of more none is a guess. */
const MOST_GUESSED = 10

/** `; did you mean ...?`, or nothing where nobody can guess. */
export function placeHint(given: string, wanted: Kind): string {
  if (/^https?:/i.test(given))
    return '; that is a page, for a browser: give the directory or URL that it shows'
  if (isOfServer(given)) {
    const url = redactUrl(given)
    return wanted === 'board'
      ? `; that is the URL of a fleet or a queue: ${LOOK.fleet} ${url}, or ${LOOK.queue} ${url}`
      : ''
  }
  const directory = resolve(given.replace(/^local:/i, ''))
  const other = KINDS.find((kind) => kind !== wanted && holds(directory, kind))
  if (other !== undefined) {
    const place = `${other === 'fleet' ? 'local:' : ''}${shown(given, directory)}`
    return `; it is a ${other}, not a ${wanted}: ${LOOK[other]} ${place}`
  }
  if (wanted === 'fleet') return ''
  const found = candidates(directory, wanted)
  if (found.length === 0) return ''
  if (found.length > MOST_GUESSED)
    return `; ${found.length} directories in it or beside it have one, such as ${shown(given, found[0]!)}`
  const names = found.slice(0, MOST_TOLD).map((path) => shown(given, path))
  const more = found.length > MOST_TOLD ? `, or ${found.length - MOST_TOLD} more` : ''
  return `; did you mean ${names.join(' or ')}${more}?`
}

/** Nearest first: what is in it, what it is in, what is called nearly the same. */
function candidates(directory: string, wanted: Kind): string[] {
  const inside = directoriesIn(directory).filter((path) => holds(path, wanted))
  if (inside.length > 0) return inside
  for (const above of [dirname(directory), dirname(dirname(directory))]) {
    if (holds(above, wanted)) return [above]
  }
  const beside = directoriesIn(dirname(directory)).filter((path) => path !== directory && holds(path, wanted))
  const nearest = nearestName(
    basename(directory),
    beside.map((path) => basename(path)),
  )
  return nearest === undefined ? beside : [join(dirname(directory), nearest)]
}

function holds(directory: string, kind: Kind): boolean {
  try {
    if (kind === 'board') return MAGIC.includes(bytesOf(join(directory, 'board'), 8))
    const folder = join(directory, 'queue')
    const databases = (namesIn(folder) ?? []).filter((name) => DATABASE.test(name))
    // A root is the first thing that is written; until it is moved from there, it is in the log.
    const isFleet = databases.some((name) =>
      [name, `${name}-wal`].some((file) => bytesOf(join(folder, file), ROOT_BYTES).includes(FLEET)),
    )
    return databases.length > 0 && isFleet === (kind === 'fleet')
  } catch {
    return false
  }
}

/** The first of them; none of a file that is missing. */
function bytesOf(file: string, most: number): string {
  if (statsOf(file) === undefined) return ''
  const { descriptor } = openToRead(file)
  try {
    const bytes = Buffer.alloc(most)
    return bytes.subarray(0, readInto(descriptor, bytes)).toString('latin1')
  } finally {
    closeSync(descriptor)
  }
}

function directoriesIn(directory: string): string[] {
  try {
    const entries = readdirSync(directory, { withFileTypes: true }).slice(0, MOST_ENTRIES)
    return entries.filter((entry) => entry.isDirectory()).map((entry) => join(directory, entry.name))
  } catch {
    return []
  }
}

/** As it was given, absolute or not; ready for a shell. */
function shown(given: string, path: string): string {
  const isAbsolute = /^(local:)?\//i.test(given)
  const near = isAbsolute ? path : relative('.', path) || '.'
  const text = near.startsWith('-') || (!isAbsolute && !existsSync(near)) ? path : near
  return /^[\w./@%+=:,-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`
}
