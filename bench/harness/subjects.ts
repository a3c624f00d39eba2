// All subjects. Another one is a file beside these and a line here.

import { changes } from '../changes'
import { counters } from '../counters'
import { curves } from '../curves'
import { faces } from '../faces'
import { fleet } from '../fleet'
import { loadSubject } from '../load'
import { queue } from '../queue'
import { queueLocal } from '../queue-local'
import { read } from '../read'
import { scale } from '../scale'
import { update } from '../update'
import { watch } from '../watch'
import { why } from '../why'
import { work } from '../work'
import type { Row, Subject } from './plan'

export const SUBJECTS: readonly Subject[] = [
  update,
  read,
  changes,
  counters,
  watch,
  curves,
  why,
  scale,
  loadSubject,
  faces,
  queueLocal,
  queue,
  work,
  fleet,
]

export function findRow(subjectName: string, rowId: string): Row {
  const subject = SUBJECTS.find(({ name }) => name === subjectName)
  const row = subject?.rows.find(({ id }) => id === rowId)
  if (row === undefined) throw new Error(`There is no row ${subjectName}/${rowId}`)
  return row
}
