// The documents of this repository: their blocks of code, their tables, their headings.

import fs from 'node:fs'
import path from 'node:path'

export const ROOT = path.join(__dirname, '..', '..', '..')

export interface Block {
  /** The document, from the root of the repository. */
  document: string
  /** The line of its opening fence, counted from 1. */
  line: number
  /** `js`, `ts`, `sh`; empty for what is no code. */
  language: string
  code: string
}

/** A row of a table, with the heading that it is under. */
export interface Row {
  heading: string
  /** What is in code quotes in the first cell. */
  names: string[]
}

function markdownBelow(folder: string): string[] {
  const names = fs.readdirSync(path.join(ROOT, folder), { recursive: true }) as string[]
  return names
    .filter((name) => name.endsWith('.md'))
    .sort()
    .map((name) => path.join(folder, name))
}

export const DOCUMENTS: readonly string[] = [
  ...['README.md', 'CONTRIBUTING.md', 'SECURITY.md', 'CHANGELOG.md'],
  ...markdownBelow('docs'),
]

export const GUIDE: readonly string[] = markdownBelow(path.join('docs', 'guide'))

export function read(document: string): string {
  return fs.readFileSync(path.join(ROOT, document), 'utf8')
}

/** Every block of every document, in order. */
export function blocks(language?: string): Block[] {
  const all = DOCUMENTS.flatMap((document) => {
    const text = read(document)
    return [...text.matchAll(/^```(\w*)\n([\s\S]*?)^```$/gm)].map((match) => ({
      document,
      line: text.slice(0, match.index).split('\n').length,
      language: match[1]!,
      code: match[2]!,
    }))
  })
  return language === undefined ? all : all.filter((block) => block.language === language)
}

export function place({ document, line }: Block): string {
  return `${document}:${line}`
}

/** The rows of every table, heads left out. */
export function rows(document: string): Row[] {
  const found: Row[] = []
  let heading = ''
  let isBody = false
  for (const line of read(document).split('\n')) {
    if (line.startsWith('#')) heading = line
    if (/^\|[-|]+\|$/.test(line)) isBody = true
    else if (!line.startsWith('|')) isBody = false
    else if (isBody) {
      const [, first] = line.split(/(?<!\\)\|/)
      found.push({ heading, names: [...first!.matchAll(/`([^`]+)`/g)].map(([, name]) => name!) })
    }
  }
  return found
}
