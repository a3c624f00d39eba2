// What every help has, and what a command line says that went wrong before any verb ran.

import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Command } from 'commander'

import { parseDuration } from '../../lib/cli/parse/duration'
import { createProgram } from '../../lib/cli/program'
import { EXIT_TABLE } from '../../lib/cli/support/exit-codes'
import { fitted } from '../../lib/cli/support/help-text'
import { open } from '../support/boards'
import { MAIN, runCli } from '../support/cli'
import { ROOT } from '../support/paths'
import { tempDir } from '../support/temp-dir'

function helpOf(command: Command): string {
  let text = ''
  command.configureOutput({
    writeOut: (piece) => {
      text += fitted(piece)
    },
    getOutHelpWidth: () => 80,
  })
  command.outputHelp()
  return text
}

function leaves(command: Command, path: string): [path: string, verb: Command][] {
  const visible = command.createHelp().visibleCommands(command)
  return command.commands
    .filter((verb) => visible.includes(verb) && verb.name() !== 'help')
    .flatMap((verb): [string, Command][] => {
      const name = `${path} ${verb.name()}`
      return verb.commands.length === 0 ? [[name, verb]] : leaves(verb, name)
    })
}

describe('The help of rollcall', () => {
  it('tells the exit codes of every verb, on lines of 80 columns', () => {
    const verbs = leaves(createProgram('0.0.0'), 'rollcall')
    assert.ok(verbs.length > 15)

    for (const [name, verb] of verbs) {
      const help = helpOf(verb)
      assert.match(help, /exit codes?/i, name)
      for (const line of help.split('\n')) assert.ok(line.length <= 80, `${name}: ${line}`)
    }
  })

  it('says the default of a duration as it has to be given', () => {
    const options = leaves(createProgram('0.0.0'), 'rollcall').flatMap(([name, verb]) =>
      verb.options.map((option) => ({ name: `${name} ${option.flags}`, option, help: helpOf(verb) })),
    )
    const durations = options.filter(
      ({ option }) => option.flags.endsWith('<duration>') && typeof option.defaultValue === 'number',
    )
    assert.ok(durations.length > 4)

    for (const { name, option, help } of durations) {
      assert.equal(parseDuration(option.defaultValueDescription!), option.defaultValue, name)
      assert.match(
        help.replace(/\s+/g, ' '),
        new RegExp(`default: ${option.defaultValueDescription}\\)`),
        name,
      )
    }
  })

  it('means by each exit code what the guide says', () => {
    const guide = readFileSync(join(ROOT, 'docs', 'guide', 'command-line.md'), 'utf8')
    const [, table] = /^## Exit codes\n\n((?:\|.*\n)+)/m.exec(guide)!
    const rows = table!.trimEnd().split('\n').slice(2)

    assert.deepEqual(
      rows,
      EXIT_TABLE.map(([code, meaning]) => `| ${code} | ${meaning} |`),
    )
  })

  it('breaks what is too long as a shell and a reader take it', () => {
    const words = 'word '.repeat(30).trim()
    const command = `  $ rollcall ${words}`

    assert.ok(
      fitted(words)
        .split('\n')
        .every((line) => line.length <= 80),
    )
    assert.equal(fitted(words).replaceAll('\n', ' '), words)
    assert.equal(fitted(command).replace(/ \\\n {6}/g, ' '), command)
  })

  it('has a version by either letter', async () => {
    const [small, large] = [await runCli(['-v']), await runCli(['-V'])]

    assert.match(small.stdout, /^\d+\.\d+\.\d+\n$/)
    assert.deepEqual([small.code, small.stdout], [0, large.stdout])
  })

  it('answers a wrong verb of queue with its verbs', async () => {
    const { code, stderr } = await runCli(['queue', 'list'])

    assert.equal(code, 64)
    assert.match(stderr, /unknown command 'list'[\s\S]*verbs of rollcall queue: create, add, .*timers/)
  })

  it('ends with 74 where standard output has no room', function () {
    if (!existsSync('/dev/full')) this.skip()
    const baseDir = tempDir()
    open({ baseDir, workerId: 'a' }).update('x')

    for (const args of [
      ['--help'],
      ['ls', baseDir],
      ['ls', '--json', baseDir],
      ['top', '--rounds', '1', baseDir],
    ]) {
      const script = `exec "$0" "$@" > /dev/full`
      const { status, stderr } = spawnSync('sh', ['-c', script, process.execPath, MAIN, ...args], {
        encoding: 'utf8',
      })
      assert.equal(status, 74, `${args.join(' ')}: ${stderr}`)
      assert.match(stderr, /ENOSPC/)
    }
  })
})
