// The completion scripts, in the shells that they are for.

import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

import { commandTree } from '../../lib/cli/completion/command-tree'
import { createProgram } from '../../lib/cli/program'
import { runCli } from '../support/cli'
import { tempDir } from '../support/temp-dir'
import { Terminal, tmuxSkipped } from '../support/tmux'

const VERBS = commandTree(createProgram('0.0.0')).verbs.map(({ path }) => path[1]!)
/** What is typed, and what has to be among what is offered, and what must not. */
const TYPED: [line: string, offered: string[], not: string[]][] = [
  ['rollcall ', VERBS, ['create', 'folder']],
  ['rollcall t', ['top', 'totals'], ['ls']],
  ['rollcall top --', ['--interval', '--sort', '--json', '--help'], ['--queue', '-s']],
  ['rollcall top --sort ', ['slot', 'age', 'rate'], ['top', 'folder']],
  ['rollcall top -s r', ['rate'], ['age']],
  ['rollcall top -r ', ['folder/'], ['file.txt', 'top']],
  ['rollcall top --interval 5s ', ['folder/'], ['top']],
  ['rollcall queue ', ['create', 'top', 'wait-sync'], ['ls', 'queue']],
  ['rollcall queue top --queue fo', ['folder/'], ['file.txt']],
  ['rollcall queue create --items fi', ['file.txt'], ['folder/']],
  ['rollcall queue create --if-exists ', ['error', 'attach', 'replace'], ['report']],
  ['rollcall completion ', ['bash', 'zsh', 'fish'], ['folder']],
  ['rollcall run --on-lost kill -- trueti', [], ['folder']],
]

function isShell(name: string): boolean {
  return spawnSync(name, ['--version']).status === 0
}

describe('The completion of shells', function () {
  this.timeout(120_000)

  let directory: string

  beforeEach(() => {
    directory = tempDir()
    mkdirSync(join(directory, 'folder'))
    writeFileSync(join(directory, 'file.txt'), '')
  })

  async function script(shell: string): Promise<string> {
    const { code, stdout, stderr } = await runCli(['completion', shell])
    assert.deepEqual([code, stderr], [0, ''])
    const file = join(directory, '.completion')
    writeFileSync(file, stdout)
    return file
  }

  function needs(test: Mocha.Context, shell: string): void {
    if (isShell(shell)) return
    console.log(`    no ${shell} here: skipped`)
    test.skip()
  }

  function check(offers: Map<string, string[]>): void {
    for (const [line, offered, not] of TYPED) {
      const names = offers.get(line)!.map((name) => name.replace(/\/$/, ''))
      const plain = (words: string[]) => words.map((word) => word.replace(/\/$/, ''))
      for (const word of plain(offered)) assert.ok(names.includes(word), `${word} for '${line}' in ${names}`)
      for (const word of plain(not)) assert.ok(!names.includes(word), `${word} for '${line}' in ${names}`)
    }
  }

  it('offers verbs, options, choices and directories in bash', async function () {
    needs(this, 'bash')
    const file = await script('bash')
    // As readline does it: the words of the line, the last one being typed.
    const program = `
      source ${file}
      for line in "$@"; do
        read -ra COMP_WORDS <<< "$line"
        [[ $line == *' ' ]] && COMP_WORDS+=('')
        COMP_CWORD=$((\${#COMP_WORDS[@]} - 1)) COMPREPLY=()
        _rollcall
        printf '%s\\n' "== $line" "\${COMPREPLY[@]}"
      done`

    const run = spawnSync('bash', ['--norc', '-uc', program, 'bash', ...TYPED.map(([line]) => line)], {
      cwd: directory,
      encoding: 'utf8',
    })

    assert.deepEqual([run.status, run.stderr.replaceAll(/.*compopt.*\n/g, '')], [0, ''])
    const parts = run.stdout.split(/^== /m).slice(1)
    check(new Map(parts.map((part) => [part.split('\n')[0]!, part.split('\n').slice(1, -1)])))
  })

  it('takes --option=value in bash as bash splits it', async function () {
    needs(this, 'bash')
    const file = await script('bash')
    const program = `source ${file}; COMP_WORDS=(rollcall top --sort = st) COMP_CWORD=4; _rollcall; echo "\${COMPREPLY[@]}"`

    const run = spawnSync('bash', ['--norc', '-c', program], { cwd: directory, encoding: 'utf8' })

    assert.equal(run.stdout, 'state status\n')
  })

  it('offers the same in fish, and what each is', async function () {
    needs(this, 'fish')
    const file = await script('fish')
    const env = { ...process.env, HOME: directory, XDG_CONFIG_HOME: directory, XDG_DATA_HOME: directory }
    const program = `source ${file}; for line in $argv; echo "== $line"; complete -C "$line"; end`

    const run = spawnSync('fish', ['--no-config', '-c', program, ...TYPED.map(([line]) => line)], {
      cwd: directory,
      encoding: 'utf8',
      env,
    })

    assert.equal(run.status, 0, run.stderr)
    const parts = run.stdout.split(/^== /m).slice(1)
    check(
      new Map(
        parts.map((part) => [
          part.split('\n')[0]!,
          part
            .split('\n')
            .slice(1, -1)
            .map((offer) => offer.split('\t')[0]!),
        ]),
      ),
    )
    assert.match(run.stdout, /^top\twatch a board live$/m)
  })

  it('completes what is typed into zsh', async function () {
    needs(this, 'zsh')
    if (tmuxSkipped) this.skip()
    const file = await script('zsh')
    const terminal = new Terminal('zsh -f 2>&1', { env: { PS1: 'ready%% ' } })
    await terminal.shows(/^ready%/m)
    terminal.type(`cd ${directory}; autoload -U compinit; compinit -u -D; source ${file}; clear\n`)
    await terminal.shows(/^ready%$/m)

    for (const [typed, expected] of [
      ['rollcall qu', /ready% rollcall queue$/m],
      ['rollcall queue cre', /ready% rollcall queue create$/m],
      ['rollcall top --sor', /ready% rollcall top --sort=$/m],
      ['rollcall top --sort ra', /ready% rollcall top --sort rate$/m],
      ['rollcall top -r fo', /ready% rollcall top -r folder\/$/m],
      ['rollcall queue create --items fi', /ready% rollcall queue create --items file\.txt$/m],
      ['rollcall top -', /--interval +-i +-- time between two looks/],
    ] as const) {
      terminal.type(typed)
      terminal.press('Tab')
      await terminal.shows(expected)
      terminal.press('C-u')
      terminal.press('C-l')
      await terminal.shows(/^ready%$/m)
    }
  })

  it('refuses a shell it does not know', async () => {
    const { code, stderr } = await runCli(['completion', 'tcsh'])

    assert.equal(code, 64)
    assert.match(stderr, /Allowed choices are bash, zsh, fish/)
  })
})
