// An empty project with rollcall installed, in which the samples of the documents are pasted into files and run.

import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import fs from 'node:fs'
import path from 'node:path'
import { ROOT } from './documents'
import { makePackage } from './package'
import { PROGRAMS } from './paths'

/** What the samples install beside rollcall. */
const PACKAGES = ['express', 'fastify', 'koa', 'prom-client']

/** A started sample, and what it has said until now. */
export interface Sample {
  child: ChildProcess
  output: { stdout: string; stderr: string }
  /** Its exit code; null when a signal ended it. */
  ended: Promise<number | null>
  /** The ports that it and its children listen on, in the order in which they came. */
  ports(): number[]
}

export class SampleProject {
  /** The samples' own directories below /tmp are made in here. */
  readonly folder: string

  constructor(folder: string) {
    this.folder = folder
    const modules = path.join(folder, 'node_modules')
    fs.mkdirSync(modules)
    makePackage()
    fs.symlinkSync(ROOT, path.join(modules, 'rollcall'))
    for (const name of PACKAGES)
      fs.symlinkSync(path.join(ROOT, 'node_modules', name), path.join(modules, name))
    fs.writeFileSync(path.join(folder, 'package.json'), '{ "private": true, "type": "module" }')
  }

  write(name: string, code: string): void {
    fs.writeFileSync(path.join(this.folder, name), code.replaceAll('/tmp/', `${this.folder}/`))
  }

  /** What the compiler says of these files; empty when all is well. Writes them as .js. */
  compile(names: readonly string[]): string {
    const types = path.join(ROOT, 'node_modules', '@types')
    const options = ['--module', 'node20', '--target', 'es2023', '--lib', 'es2023,esnext.disposable,dom']
    const strict = ['--strict', '--skipLibCheck', '--typeRoots', types, '--types', 'node', '--rootDir', '.']
    const tsc = path.join(ROOT, 'node_modules', '.bin', 'tsc')
    return spawnSync(tsc, [...options, ...strict, ...names], { cwd: this.folder, encoding: 'utf8' }).stdout
  }

  /** Runs a file; whatever port it wants to listen on, it gets a free one. */
  start(name: string): Sample {
    const portsFile = path.join(this.folder, `${name}.ports`)
    const child = spawn(process.execPath, ['--require', path.join(PROGRAMS, 'any-port.js'), name], {
      cwd: this.folder,
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { ...process.env, PORTS_FILE: portsFile },
    })
    const output = { stdout: '', stderr: '' }
    for (const stream of ['stdout', 'stderr'] as const) {
      child[stream].setEncoding('utf8').on('data', (text) => {
        output[stream] += text
      })
    }
    const ended = once(child, 'close').then(([code]) => code as number | null)
    // The last piece is empty, or a line that is being written.
    const ports = () => linesOf(portsFile).slice(0, -1).map(Number)
    return { child, output, ended, ports }
  }
}

function linesOf(file: string): string[] {
  return fs.existsSync(file) ? fs.readFileSync(file, 'utf8').split('\n') : []
}

/** A sample of one module system in the other one, as docs/guide/README.md says. */
export function translate(code: string): { name: string; code: string }[] {
  const isModule = /^import /m.test(code)
  const other = isModule
    ? `(async () => {\n${code.replaceAll(/^import (.+) from ('.+')$/gm, 'const $1 = require($2)')}\n})()`
    : code.replaceAll(/^const (.+) = require\(('.+')\)$/gm, 'import $1 from $2')
  const [cjs, mjs] = isModule ? [other, code] : [code, other]
  return [
    { name: 'sample.cjs', code: cjs },
    { name: 'sample.mjs', code: mjs },
  ]
}
