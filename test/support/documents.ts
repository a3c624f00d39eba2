// The documents of this repository, and the blocks of code in them.

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

export const DOCUMENTS: readonly string[] = [
  ...['README.md', 'CONTRIBUTING.md', 'SECURITY.md', 'CHANGELOG.md'],
  ...fs
    .readdirSync(path.join(ROOT, 'docs'))
    .filter((name) => name.endsWith('.md'))
    .map((name) => path.join('docs', name)),
]

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
