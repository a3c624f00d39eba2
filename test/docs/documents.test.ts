// The blocks of the documents that are for batch systems, for a shell, or for those who start services.

import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import fs from 'node:fs'
import path from 'node:path'

import { commandTree, everyCommand } from '../../lib/cli/completion/command-tree'
import { createProgram } from '../../lib/cli/program'
import { MAIN } from '../support/cli'
import { type Block, blocks, place, ROOT } from '../support/documents'
import { eventually } from '../support/eventually'
import { tempDir } from '../support/temp-dir'

const SCRIPTS = JSON.parse(fs.readFileSync(path.join(ROOT, 'package.json'), 'utf8')).scripts
/** Run below, as they are. */
const isBatch = ({ code }: Block) => /\b(sbatch|qsub)\b/.test(code)

/** A zombie is not. */
function isRunning(pid: number): boolean {
  try {
    return !/\) [ZX] /.test(fs.readFileSync(`/proc/${pid}/stat`, 'utf8'))
  } catch {
    return false
  }
}

describe('The documents, for batch systems', function () {
  this.timeout(120_000)

  // What Slurm and Torque do with these lines: the tasks of an array, at the same time, each with its number.
  const SBATCH = `#!/bin/bash
for word in "$@"; do
  case $word in --array=*) array=\${word#--array=} ;; esac
done
if [[ -z $array ]]; then echo "submitted $*"; exit; fi
for id in $(seq \${array/-/ }); do
  SLURM_ARRAY_TASK_ID=$id bash -c "\${!#}" > tasks.log 2>&1 & echo $! >> tasks
done`
  const QSUB = `#!/bin/bash
script=$(cat)
for id in $(seq \${3/-/ }); do
  PBS_ARRAYID=$id bash -c "$script" > tasks.log 2>&1 & echo $! >> tasks
done`

  /** A task may come when all is done; it must find the queue, or it would wait for one. */
  async function tasksEnd(folder: string): Promise<void> {
    const pids = fs.readFileSync(path.join(folder, 'tasks'), 'utf8').trim().split('\n').map(Number)
    await eventually(() => !pids.some(isRunning), 'the tasks to end')
  }

  for (const block of blocks('sh').filter(isBatch)) {
    it(`run a job from its first line to its last: ${place(block)}`, async () => {
      const folder = tempDir()
      const program = (name: string, text: string) =>
        fs.writeFileSync(path.join(folder, name), text, { mode: 0o755 })
      program('rollcall', `#!/bin/sh\nexec '${process.execPath}' '${MAIN}' "$@"\n`)
      program('sbatch', SBATCH)
      program('qsub', QSUB)
      program('align.sh', '#!/bin/sh\necho "$1" > "out.$(basename "$1")"\n')
      fs.mkdirSync(path.join(folder, 'reads'))
      for (const name of ['1', '2', '3']) fs.writeFileSync(path.join(folder, 'reads', `${name}.fastq`), '')
      // Three tasks, and no server: the URL is the only difference.
      const script = block.code.replace(/zk:\/\/\S+/, `${folder}/queue`).replaceAll(/\b1-(100|25)\b/g, '1-3')

      const { status, stdout, stderr } = spawnSync('bash', ['-u', '-c', script], {
        cwd: folder,
        encoding: 'utf8',
        env: { ...process.env, PATH: `${folder}:${process.env.PATH}` },
      })

      assert.equal(status, 0, stderr)
      await tasksEnd(folder)
      const outputs = fs.readdirSync(folder).filter((name) => name.startsWith('out.'))
      assert.equal(outputs.length, 3, stderr)
      if (script.includes('merge.sh')) assert.match(stdout, /\b3 workers\nsubmitted merge\.sh\n$/)
      else assert.equal(JSON.parse(fs.readFileSync(path.join(folder, 'report.json'), 'utf8')).ok, true)
    })
  }
})

describe('The documents, for a shell', () => {
  const tree = commandTree(createProgram('0'))
  const commands = new Map(everyCommand(tree).map((node) => [node.path.join(' '), node]))

  for (const block of blocks('sh')) {
    it(`name programs, scripts, files and options that are there: ${place(block)}`, () => {
      // Lines for the debugger's own prompt are none for a shell.
      const code = block.code.replaceAll(/^\(gdb\).*$/gm, '')

      assert.equal(spawnSync('bash', ['-n', '-c', code]).status, 0)
      for (const [, name] of code.matchAll(/npm run ([\w:]+)/g))
        assert.ok(name! in SCRIPTS, `npm run ${name}`)
      for (const [, name] of code.matchAll(/npx (?!-|rollcall\b)([\w-]+)/g)) {
        assert.ok(fs.existsSync(path.join(ROOT, 'node_modules', '.bin', name!)), `npx ${name}`)
      }
      for (const [file] of code.matchAll(
        /\b(dist|node_modules|docs|lib|scripts)\/[\w./-]+\.(js|mjs|md|ts)\b/g,
      )) {
        assert.ok(fs.existsSync(path.join(ROOT, file)), file)
      }
      for (const [line] of code.matchAll(/(?<!install )\brollcall (?=[a-z])[^|&;'"\n#]+/g)) checkCommand(line)
    })
  }

  for (const block of [...blocks('ini'), ...blocks('yaml')]) {
    it(`start the command with options that are there: ${place(block)}`, () => {
      const words = block.code.replaceAll(/[[\],]/g, ' ').replaceAll(/ +/g, ' ')

      for (const [line] of words.matchAll(/\brollcall (?!:)\S.+/g)) checkCommand(line)
    })
  }

  it('name npm scripts that are there wherever they speak of one', () => {
    for (const block of blocks('')) {
      for (const [, name] of block.code.matchAll(/npm run ([\w:]+)/g)) {
        assert.ok(name! in SCRIPTS, `${place(block)}: ${name}`)
      }
    }
  })

  /** `rollcall queue create --expect 1-100`: that there is such a verb, and that it has these options. */
  function checkCommand(line: string): void {
    const words = line.trim().split(/\s+/)
    const depth = commands.has(words.slice(0, 3).join(' ')) ? 3 : 2
    const node = commands.get(words.slice(0, depth).join(' '))
    assert.ok(node !== undefined, line)
    const known = node.options.flatMap(({ long, short }) => [long, short])
    const end = words.indexOf('--')
    for (const word of words.slice(depth, end < 0 ? undefined : end)) {
      if (/^-\D/.test(word)) assert.ok(known.includes(word), `${word} in ${line}`)
    }
  }
})
