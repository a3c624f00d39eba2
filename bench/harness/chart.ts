// A run as a picture: for each of a few rows one bar for each trial, on a logarithmic axis.

import { rivalPackage } from '../rivals'
import { number } from './report'
import type { RowResult, RunResult, TrialResult } from './results'

/** The rows that answer what people ask first. */
const CHARTED = ['update/64', 'read/1024', 'counters/view']

const WIDTH = 900
const BAR_HEIGHT = 26
const TITLE_HEIGHT = 64
const FOOT_HEIGHT = 30
const COLOURS = { floor: '#9aa5b1', ours: '#0b7a4b', rival: '#c2703d' }

function measured(row: RowResult): TrialResult[] {
  // From below to above, so that the fastest is on top.
  return row.trials.filter(({ median }) => median !== undefined).sort((a, b) => b.median! - a.median!)
}

function panelHeight(row: RowResult): number {
  return TITLE_HEIGHT + measured(row).length * BAR_HEIGHT
}

/** The options of echarts for one panel: its title, its grid, its two axes and its bars. */
function panel(row: RowResult, index: number, top: number) {
  const trials = measured(row)
  return {
    title: {
      text: `${row.what} (${trials[0]!.unit}, logarithmic)`,
      left: 20,
      top: top + 14,
      textStyle: { fontSize: 15, color: '#1f2933' },
    },
    grid: { left: 320, right: 90, top: top + TITLE_HEIGHT - 16, height: trials.length * BAR_HEIGHT },
    xAxis: {
      type: 'log',
      gridIndex: index,
      // Below the fastest; a bar on a logarithmic axis begins at 1 if it may.
      min: Math.max(1, 10 ** Math.floor(Math.log10(trials.at(-1)!.median!) - 0.3)),
      axisLabel: { show: false },
      splitLine: { lineStyle: { color: '#e4e7eb' } },
    },
    yAxis: {
      type: 'category',
      gridIndex: index,
      data: trials.map(({ name }) => name),
      axisTick: { show: false },
      axisLabel: { color: '#1f2933', fontSize: 12 },
    },
    series: {
      type: 'bar',
      xAxisIndex: index,
      yAxisIndex: index,
      barWidth: '62%',
      data: trials.map(({ median, role }) => ({ value: median, itemStyle: { color: COLOURS[role] } })),
      label: {
        show: true,
        position: 'right',
        color: '#1f2933',
        formatter: ({ dataIndex }: { dataIndex: number }) =>
          `${number(trials[dataIndex]!.median!)} ${trials[dataIndex]!.unit}`,
      },
    },
  }
}

/**
 * An SVG of the run.
 *
 * @throws {Error} the library that draws is not installed, or none of the rows it shows was run
 */
export function chartOf(run: RunResult): string {
  const rows = CHARTED.flatMap((name) => {
    const row = run.rows.find(({ subject, id }) => `${subject}/${id}` === name)
    return row === undefined || measured(row).length === 0 ? [] : [row]
  })
  if (rows.length === 0) throw new Error(`A chart needs one of the rows ${CHARTED.join(', ')}`)
  let height = 0
  const panels = rows.map((row, index) => {
    const top = height
    height += panelHeight(row)
    return panel(row, index, top)
  })
  const { cpu, system, node, boards, date } = run.conditions
  const foot = `${cpu}, ${system}, Node ${node}, ${boards}, ${date.slice(0, 10)}. Grey: the floor. Green: rollcall. Shorter is better.`
  const chart = rivalPackage('echarts').init(null, null, {
    renderer: 'svg',
    ssr: true,
    width: WIDTH,
    height: height + FOOT_HEIGHT,
  })
  chart.setOption({
    animation: false,
    backgroundColor: '#ffffff',
    title: [
      ...panels.map(({ title }) => title),
      {
        text: foot,
        left: 20,
        top: height + 4,
        textStyle: { fontSize: 11, fontWeight: 'normal', color: '#52606d' },
      },
    ],
    grid: panels.map(({ grid }) => grid),
    xAxis: panels.map(({ xAxis }) => xAxis),
    yAxis: panels.map(({ yAxis }) => yAxis),
    series: panels.map(({ series }) => series),
  })
  const svg: string = chart.renderToSVGString()
  chart.dispose()
  // For those who cannot see it; the library leaves it out. The first '>' ends the opening tag.
  const title = `<title>${rows.map(({ what }) => what).join('; ')}: rollcall beside what people use instead</title>`
  return svg.replace('>', () => `>\n${title}`)
}
