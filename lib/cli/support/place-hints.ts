// What was most likely meant by a directory that has no board, or no queue: a board or a queue
// beside it, in it or above it, or the other of the two. Looks at names and first bytes; opens nothing.

import { closeSync, existsSync, readdirSync } from 'node:fs'
import { basename, dirname, join, relative, resolve } from 'node:path'

import { nearestName } from '../../util/check-options'
import { redactUrl } from '../../util/redact'
import { isOfServer } from '../../util/schemes'
import { namesIn, openToRead, readInto } from '../../util/trust'

type Kind = 'board' | 'queue'

const OTHER: Readonly<Record<Kind, Kind>> = { board: 'queue', queue: 'board' }
const LOOK: Readonly<Record<Kind, string>> = {
  board: 'rollcall ls',
  queue: 'rollcall queue status --queue',
}
/** A board's file begins so; the other way round on a machine of the other byte order. */
const MAGIC = ['rollcall', 'llacllor']
const DATABASE = /^[0-9a-f]{16}\.db$/
/** More neighbours than that are not looked at, and not told. */
const MOST_ENTRIES = 1000
const MOST_TOLD = 3
/** Of more none is a guess. */
const MOST_GUESSED = 10

/** `; did you mean ...?`, or nothing where nobody can guess. */
export function placeHint(given: string, wanted: Kind | 'fleet'): string {
  if (isOfServer(given))
    return wanted === 'board' ? `; that is a queue: ${LOOK.queue} ${redactUrl(given)}` : ''
  const directory = resolve(given.replace(/^local:/i, ''))
  if (wanted === 'fleet') {
    return holds(directory, 'board')
      ? `; it is a board, not a fleet: ${LOOK.board} ${shown(given, directory)}`
      : ''
  }
  if (holds(directory, OTHER[wanted])) {
    const other = OTHER[wanted]
    return `; it is a ${other}, not a ${wanted}: ${LOOK[other]} ${shown(given, directory)}`
  }
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
    if (kind === 'queue')
      return namesIn(join(directory, 'queue'))?.some((name) => DATABASE.test(name)) === true
    return MAGIC.includes(firstBytes(join(directory, 'board')))
  } catch {
    return false
  }
}

function firstBytes(file: string): string {
  const { descriptor } = openToRead(file)
  try {
    const bytes = Buffer.alloc(8)
    readInto(descriptor, bytes)
    return bytes.toString('latin1')
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
