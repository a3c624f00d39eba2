// Which file of ours imports what, read from the text: types, dynamic imports and require() too.

import { readdirSync, readFileSync } from 'node:fs'
import { join, posix } from 'node:path'

/** Sources by their path from the root of the repository. */
export type Sources = ReadonlyMap<string, string>

/** All TypeScript below those folders of the repository. */
export function sourcesBelow(root: string, folders: readonly string[]): Sources {
  const paths = folders.flatMap((folder) =>
    readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' })
      .filter((name) => name.endsWith('.ts') && !name.includes('node_modules'))
      .map((name) => `${folder}/${name.replaceAll('\\', '/')}`),
  )
  return new Map(paths.sort().map((path) => [path, readFileSync(join(root, path), 'utf8')]))
}

const IMPORT = /(?:\bfrom|\bimport\s*\(?|\brequire(?:\.resolve)?\s*\()\s*(['"])([@.\w][\w@:./-]*)\1/g

/** What that source imports: paths of ours, names of packages; nothing of Node's own. */
export function importsOf(sources: Sources, path: string): string[] {
  const names = [...code(sources.get(path)!).matchAll(IMPORT)].map(([, , name]) => name!)
  return [...new Set(names.filter((name) => !name.startsWith('node:')))].map((name) =>
    name.startsWith('.') ? resolved(sources, posix.join(posix.dirname(path), name)) : packageOf(name),
  )
}

/** Without comments, which may quote an import. */
function code(text: string): string {
  return text.replace(/^\s*(?:\/\/|\/?\*).*$/gm, '')
}

function resolved(sources: Sources, target: string): string {
  const base = target.replace(/\.js$/, '')
  return [`${base}.ts`, `${base}/index.ts`].find((path) => sources.has(path)) ?? target
}

function packageOf(name: string): string {
  return name
    .split('/')
    .slice(0, name.startsWith('@') ? 2 : 1)
    .join('/')
}

/** Each circle of imports once, as the files on it. */
export function circlesOf(sources: Sources): string[][] {
  const circles: string[][] = []
  const done = new Set<string>()
  const path: string[] = []
  const visit = (file: string) => {
    if (path.includes(file)) circles.push([...path.slice(path.indexOf(file)), file])
    if (done.has(file) || path.includes(file)) return
    path.push(file)
    for (const target of importsOf(sources, file)) if (sources.has(target)) visit(target)
    path.pop()
    done.add(file)
  }
  for (const file of sources.keys()) visit(file)
  return circles
}
