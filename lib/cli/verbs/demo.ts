// The verb `demo`: a real cluster under load, shown on its board.

import type { Command } from 'commander'

import type { FleetDemoReport } from '../../demo/fleet-run'
import type { DemoReport, Look } from '../../demo/run'
import type { FleetLook } from '../../view/fleet'
import { integerFrom } from '../parse/arguments'
import { CliError, EXIT } from '../support/exit-codes'
import { isScreen, print } from '../support/output'
import { StopSignal } from '../support/stop-signal'

interface DemoVerbOptions {
  fleet?: boolean
  seconds: number
  json?: boolean
}

export function registerDemo(program: Command): void {
  program
    .command('demo')
    .summary('a real cluster under load, watched live')
    .description(
      'Start a cluster of four HTTP workers, put load on it, show its board, SIGKILL one worker, let another one hang and show where, and sum up. ' +
        'Needs no set-up but the package autocannon, uses a temporary directory and a free port of this machine, ' +
        'and leaves nothing behind.',
    )
    .option('--fleet', 'the second act: three machines in one view, one of them lost on the way')
    .option('--seconds <n>', 'how long the load lasts', integerFrom(2, 3600), 12)
    .option('--json', 'print the summary alone, as JSON')
    .addHelpText(
      'after',
      '\nExamples:\n  $ rollcall demo\n  $ rollcall demo --fleet\n  $ rollcall demo --seconds 5 --json',
    )
    .action(demo)
}

async function demo({ fleet, seconds, json }: DemoVerbOptions): Promise<void> {
  if (fleet) return demoFleet(seconds, json)
  checkAutocannon()
  const [{ runDemo }, view] = await Promise.all([import('../../demo/run.js'), import('./demo-view.js')])
  using stop = new StopSignal()
  const audience = json
    ? view.silence<Look>()
    : isScreen()
      ? view.onScreen(view.boardDrawing, stop)
      : view.asText(view.boardDrawing)
  let report: DemoReport
  try {
    report = await runDemo({ seconds, signal: stop.signal, ...audience })
  } finally {
    await audience.end()
  }
  print(json ? JSON.stringify(report, undefined, 2) : view.summary(report))
  process.exitCode = stop.exitCode
}

async function demoFleet(seconds: number, json = false): Promise<void> {
  const [{ runFleetDemo }, view] = await Promise.all([
    import('../../demo/fleet-run.js'),
    import('./demo-view.js'),
  ])
  using stop = new StopSignal()
  const drawing = view.fleetDrawing
  const audience = json
    ? view.silence<FleetLook>()
    : isScreen()
      ? view.onScreen(drawing, stop)
      : view.asText(drawing)
  let report: FleetDemoReport
  try {
    report = await runFleetDemo({ seconds, signal: stop.signal, ...audience })
  } finally {
    await audience.end()
  }
  print(json ? JSON.stringify(report, undefined, 2) : view.fleetSummary(report))
  process.exitCode = stop.exitCode
}

function checkAutocannon(): void {
  try {
    require.resolve('autocannon')
  } catch (cause) {
    throw new CliError(
      EXIT.unreachable,
      'The demo puts its load on with the package autocannon, which is not installed. Install it with: npm install autocannon',
      { cause },
    )
  }
}
