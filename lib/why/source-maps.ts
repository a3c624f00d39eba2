// Where in its sources a place in a compiled file is: by the map that the file names, where that is at hand.

import { readFileSync } from 'node:fs'
import { SourceMap, type SourceMapPayload } from 'node:module'
import { dirname, resolve } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import type { StackFrame } from './types'

const MOST_BYTES = 64 * 1024 * 1024
const NAMED = /^[ \t]*\/\/[#@] sourceMappingURL=(\S+)[ \t]*$/gm

/** The same frames, with paths for URLs of files, and places in sources where a map says so. */
export function mapped(frames: readonly StackFrame[]): StackFrame[] {
  const maps = new Map<string, SourceMap | undefined>()
  return frames.map((frame) => {
    const file = pathOf(frame.file)
    if (!file.startsWith('/')) return { ...frame, file }
    if (!maps.has(file)) maps.set(file, mapOf(file))
    const origin = maps.get(file)?.findEntry(frame.line - 1, frame.column - 1)
    if (origin === undefined || !('originalSource' in origin)) return { ...frame, file }
    return {
      functionName: frame.functionName,
      file: sourceOf(origin.originalSource, file),
      line: origin.originalLine + 1,
      column: origin.originalColumn + 1,
    }
  })
}

function pathOf(url: string): string {
  try {
    return url.startsWith('file:') ? fileURLToPath(url) : url
  } catch {
    return url
  }
}

/** A source is named as a path or an URL, from where the map lies. */
function sourceOf(source: string, file: string): string {
  return source.includes('://') ? pathOf(source) : resolve(dirname(file), source)
}

function mapOf(file: string): SourceMap | undefined {
  try {
    const name = [...readFileSync(file, 'utf8').matchAll(NAMED)].at(-1)?.[1]
    if (name === undefined) return undefined
    const text = mapText(name, file)
    if (text.length > MOST_BYTES) return undefined
    return new SourceMap(JSON.parse(text) as SourceMapPayload)
  } catch {
    // Not there, not ours to read, or no map: the place in the compiled file is better than none.
    return undefined
  }
}

function mapText(name: string, file: string): string {
  if (!name.startsWith('data:')) return readFileSync(new URL(name, pathToFileURL(file)), 'utf8')
  const comma = name.indexOf(',')
  const data = name.slice(comma + 1)
  return name.slice(0, comma).endsWith(';base64')
    ? Buffer.from(data, 'base64').toString('utf8')
    : decodeURIComponent(data)
}
