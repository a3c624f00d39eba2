// The guide has everything that is public, and nothing else: each method, option, field, error code, verb and exit
// code is in a table, under a heading that names its type. What is public is read from the types as they are shipped.

import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { commandTree, everyCommand } from '../../lib/cli/completion/command-tree'
import { createProgram } from '../../lib/cli/program'
import { EXIT } from '../../lib/cli/support/exit-codes'
import { GUIDE, rows } from '../support/documents'
import { LIB } from '../support/paths'

/** Public, and not for a table of its own. */
const LEFT_OUT: Record<string, string> = {
  ExitSource: 'what is needed of node:cluster',
  FastifyApp: 'what is needed of Fastify',
  FastifyRequest: 'what is needed of one of its requests',
  KoaContext: 'what is needed of Koa',
  MetricsFormat: 'the values of an option, in its row',
  MetricsRegistry: 'what is needed of prom-client',
  ScoreboardErrorDetails: 'the fields of the error',
  WatchdogErrorDetails: 'the fields of the error',
}

/** The members of every exported class, interface and object type, and the values of unions of strings. */
function publicTypes(): Map<string, string[]> {
  const types = new Map<string, string[]>()
  const index = readFileSync(join(LIB, 'index.d.ts'), 'utf8')
  for (const [, names, file] of index.matchAll(/^export (?:type )?\{ (.+) \} from '(.+)';$/gm)) {
    const text = readFileSync(join(LIB, `${file}.d.ts`), 'utf8')
    for (const name of names!.split(',').map((one) => one.trim().replace(/^type /, ''))) {
      const members = membersOf(name, text) ?? valuesOf(name, text)
      if (members !== undefined && members.length > 0 && !(name in LEFT_OUT)) types.set(name, members)
    }
  }
  return types
}

function membersOf(name: string, text: string): string[] | undefined {
  const head = `^export (?:declare class|interface|type) ${name}(?:<.*>)?(?: (?:extends|implements) .*| =)? \\{\n`
  const [, body] = new RegExp(`${head}([\\s\\S]*?)^\\}`, 'm').exec(text) ?? []
  if (body === undefined) return undefined
  const withoutInternals = body.replaceAll(/ {4}\/\*\*(?:(?!\*\/)[\s\S])*@internal[\s\S]*?\*\/\n.*\n/g, '')
  const found = withoutInternals.matchAll(/^ {4}(?:(?:static|readonly|get) )*(\w+)\??(?:[<(:]| =)/gm)
  return [...new Set(Array.from(found, ([, member]) => member!))].filter((one) => one !== 'constructor')
}

function valuesOf(name: string, text: string): string[] | undefined {
  const [, union] = new RegExp(`^export type ${name} = ('[^;]+);`, 'm').exec(text) ?? []
  return union?.split('|').map((value) => value.trim().slice(1, -1))
}

const types = publicTypes()
const all = GUIDE.flatMap(rows)

describe('The guide', () => {
  it('knows what is public', () => {
    const some = [
      'Scoreboard',
      'WatchdogQueue',
      'WatchdogTimer',
      'Lease',
      'CreateQueueOptions',
      'ConnectOptions',
    ]
    for (const name of [...some, 'ScoreboardErrorCode', 'WatchdogErrorCode']) assert.ok(types.has(name), name)
    assert.ok(types.get('WatchdogQueue')!.includes('deadLetters'))
    assert.ok(types.get('WatchdogErrorCode')!.includes('ERR_AMBIGUOUS'))
    assert.ok(!types.get('Scoreboard')!.includes('updateJsonBytes'))
  })

  for (const [name, members] of types) {
    it(`has a table of ${name}, complete and with nothing that is not there`, () => {
      const found = all.filter(({ heading }) => heading.includes(`\`${name}\``))

      const named = found.flatMap(({ names }) => names.map((one) => /^[\w-]+/.exec(one)?.[0] ?? one))
      assert.deepEqual(named.sort(), [...members].sort())
    })
  }

  it('tells what may be wrong with one entry', () => {
    const text = readFileSync(join(LIB, 'scoreboard', 'types.d.ts'), 'utf8')
    const [, union] = /interface WorkerEntryError \{\s+code: ([^;]+);/.exec(text)!
    const found = all.filter(({ heading }) => heading === '### One entry with an error')

    assert.deepEqual(
      found.flatMap(({ names }) => names),
      union!.split('|').map((value) => value.trim().slice(1, -1)),
    )
  })

  it('has every verb of the command', () => {
    const verbs = everyCommand(commandTree(createProgram('0')))
      .map(({ path }) => path.join(' '))
      .filter((path) => path !== 'rollcall' && path !== 'rollcall queue' && !path.endsWith(' help'))
    const named = rows(join('docs', 'guide', 'command-line.md'))
      .flatMap(({ names }) => names[0] ?? [])
      .map((name) => /^rollcall( [a-z-]+)+/.exec(name)?.[0].replace(/ (-|bash).*$/, ''))

    for (const verb of verbs) assert.ok(named.includes(verb), verb)
  })

  it('has every exit code of the command', () => {
    const text = rowsOfExitCodes()

    for (const [name, code] of Object.entries(EXIT)) assert.ok(text.includes(code), `${name} ${code}`)
  })

  function rowsOfExitCodes(): number[] {
    const text = readFileSync(join(LIB, '..', '..', 'docs', 'guide', 'command-line.md'), 'utf8')
    const cells = [...text.matchAll(/^\| ([\d, ]+)(?: \+ n)? \|/gm)]
    return cells.flatMap(([, cell]) => cell!.split(',').map(Number))
  }
})
