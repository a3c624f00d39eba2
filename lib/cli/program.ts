// All verbs of `rollcall`, and what its help says. Builds the program; running it is main.ts.
//
// Each verb is loaded when it is asked for, and all of them where somebody asks what there is.

import { Command, CommanderError, Option } from 'commander'
import { redactWords } from '../util/redact'
import { EXIT, exitCodesText } from './support/exit-codes'
import { fitted, withDurationDefaults, withExitCodes } from './support/help-text'
import { noteLines, print } from './support/output'
import { withOptionHint, withVerbHint, withVerbsOf } from './support/verb-hints'

const OF_NO_VERB = Object.values(EXIT).filter((code) => code === EXIT.fine || code >= EXIT.usage)
const AFTER = `
${exitCodesText(OF_NO_VERB)}

Examples:
  $ rollcall demo
  $ rollcall ls /run/app
  $ rollcall top /run/app`

type Register = (program: Command) => void

const why = () => (require('./verbs/why') as typeof import('./verbs/why')).registerWhy

/** What registers a verb. One that registers several stands here once for each. */
const VERBS: Record<string, () => Register> = {
  ls: () => (require('./verbs/ls') as typeof import('./verbs/ls')).registerLs,
  totals: () => (require('./verbs/totals') as typeof import('./verbs/totals')).registerTotals,
  cleanup: () => (require('./verbs/cleanup') as typeof import('./verbs/cleanup')).registerCleanup,
  top: () => (require('./verbs/top') as typeof import('./verbs/top')).registerTop,
  why,
  kill: why,
  check: () => (require('./verbs/check') as typeof import('./verbs/check')).registerCheck,
  watch: () => (require('./verbs/watch') as typeof import('./verbs/watch')).registerWatch,
  serve: () => (require('./verbs/serve') as typeof import('./verbs/serve')).registerServe,
  agent: () => (require('./verbs/agent') as typeof import('./verbs/agent')).registerAgent,
  demo: () => (require('./verbs/demo') as typeof import('./verbs/demo')).registerDemo,
  queue: () => (require('./verbs/queue/queue') as typeof import('./verbs/queue/queue')).registerQueue,
  run: () => (require('./verbs/run') as typeof import('./verbs/run')).registerRun,
  work: () => (require('./verbs/work/work') as typeof import('./verbs/work/work')).registerWork,
  completion: () => (require('./verbs/completion') as typeof import('./verbs/completion')).registerCompletion,
}

/** @param verb the only one that is needed; with all of them where it is none */
export function createProgram(version: string, verb?: string): Command {
  const program = new Command('rollcall')
  program
    .description('Who is alive, what is each worker doing, and is the work done?')
    .version(version, '-V, --version')
    .addOption(new Option('-v', 'the same').hideHelp())
    .on('option:v', () => {
      print(version)
      throw new CommanderError(0, 'commander.version', version)
    })
    .exitOverride()
    .enablePositionalOptions()
    .configureOutput({
      writeOut: (text) => void process.stdout.write(fitted(text)),
      outputError: (text) => {
        const hinted = withVerbHint(text.replace(/^error:/, 'rollcall:'), () => createProgram(version))
        noteLines(redactWords(withOptionHint(withVerbsOf(hinted, program, verb), verb)).trimEnd())
      },
    })
    .showHelpAfterError('(--help tells more, with an example)')
    .configureHelp({ showGlobalOptions: false })
    .addHelpText('after', AFTER)
  const wanted = verb !== undefined && verb in VERBS && verb !== 'completion' ? [verb] : Object.keys(VERBS)
  for (const register of new Set(wanted.map((name) => VERBS[name]!()))) register(program)
  withExitCodes(program)
  withDurationDefaults(program)
  return program
}
