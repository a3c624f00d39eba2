// All subjects. Another one is a file beside these and a line here.

import { changes } from '../changes'
import { counters } from '../counters'
import { read } from '../read'
import { scale } from '../scale'
import { update } from '../update'
import { watch } from '../watch'
import type { Row, Subject, Trial } from './plan'

export const SUBJECTS: readonly Subject[] = [update, read, changes, counters, watch, scale]

export function findTrial(subjectName: string, rowId: string, trialName: string): Trial {
  const subject = SUBJECTS.find(({ name }) => name === subjectName)
  const row: Row | undefined = subject?.rows.find(({ id }) => id === rowId)
  const trial = row?.trials.find(({ name }) => name === trialName)
  if (trial === undefined) throw new Error(`There is no trial ${subjectName} / ${rowId} / ${trialName}`)
  return trial
}
