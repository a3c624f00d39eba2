/* A page that is done and goes (lib/queue/incarnation/totals.ts): finishers put its number into the total and take page, state
 * and marker away, each step of which may be the last of a process and is made again by another; meanwhile somebody
 * counts, a late worker asks what became of its ack, and a master queues dead items again.
 *
 * Must fail with: STATE_FIRST NO_LIST STRIKE_FIRST COUNT_ONCE PAGE_LAST MARKER_FIRST ONE_LOOK
 *
 * Two items on one page; each step is one request. The node of the totals has a version, as every other.
 */
#define SIZE 2
#define FINISHERS 2

byte done = 0;                 /* of the page, in its state */
bool has_state = true;
bool has_page = true;
bool has_marker = true;

byte total = 0;                /* the node of the totals */
bool is_leaving = false;
byte version = 0;

byte crashes = 0;
bool was_counted_twice = false;

proctype Worker() {
  /* Acks, one at a time; a state that is gone has nothing to ack. */
  do
  :: d_step { has_state && done < SIZE -> done++ }
  :: done == SIZE -> break
  od
}

/* Whoever was too late: it reads the state, to find out about its ack. */
proctype Late() {
  /* As readers do in a queue that keeps everything: one that finds a page without a state makes it. */
  bool saw_page;
  if
  :: has_state
  :: else ->
     saw_page = has_page;
     if :: saw_page -> d_step { if :: has_state :: else -> has_state = true; done = 0 fi } :: else fi
  fi
}

inline maybe_die() {
  if
  :: crashes < 1 -> crashes++; goto over
  :: true
  fi
}

proctype Finisher() {
  byte seen;
  byte seen_total;
  bool seen_leaving;
  bool is_complete;
again:
  if
  :: !has_marker -> goto over
  :: else
  fi;
  /* A state that is gone reads as complete. */
  is_complete = (!has_state || done == SIZE);
  if
  :: !is_complete -> goto again
  :: else
  fi;
count:
  skip;
#ifdef STATE_FIRST
  is_complete = (has_state && done == SIZE);
#endif
  d_step { seen = version; seen_total = total; seen_leaving = is_leaving };
  if
  :: seen_leaving -> goto take
  :: else
  fi;
#ifndef STATE_FIRST
  is_complete = (has_state && done == SIZE);
#endif
  if
#ifdef ONE_LOOK
  :: !is_complete -> goto mark
#else
  /* Gone: by somebody who has put it on the list since, and may have died. */
  :: !is_complete && version != seen -> goto count
  :: !is_complete && version == seen -> goto mark
#endif
  :: else
  fi;
  maybe_die();
  if
  :: d_step { version == seen -> version++; total = seen_total + SIZE;
#ifndef NO_LIST
       is_leaving = true
#else
       is_leaving = false
#endif
     }
  :: version != seen -> goto count
  fi;
take:
  skip;
#ifdef MARKER_FIRST
  has_marker = false;
  maybe_die();
#endif
#ifdef STRIKE_FIRST
  d_step { is_leaving = false; version++ };
  maybe_die();
#endif
#ifdef PAGE_LAST
  has_state = false;
  maybe_die();
  has_page = false;
#else
  has_page = false;
  maybe_die();
  has_state = false;
#endif
  maybe_die();
#ifndef STRIKE_FIRST
strike:
  skip;
  d_step { seen = version; seen_leaving = is_leaving };
  if
  :: !seen_leaving
  :: else ->
     if
     :: d_step { version == seen -> version++; is_leaving = false }
     :: version != seen -> goto strike
     fi
  fi;
#endif
mark:
  maybe_die();
  has_marker = false;
over:
  assert(total <= SIZE)
}

/* What somebody counts is what there is: all items, whenever. */
proctype Counter() {
  byte seen, sum;
  bool skipped;
again:
  skip;
  d_step { seen = version; sum = total; skipped = is_leaving };
  if
  :: has_state && !skipped -> sum = sum + SIZE
  :: else
  fi;
#ifndef COUNT_ONCE
  if
  :: version != seen -> goto again
  :: else
  fi;
#endif
  assert(sum == SIZE)
}

init {
  atomic {
    run Worker();
    run Late();
    run Finisher();
    run Finisher();
    run Counter()
  }
  /* When all have ended: nobody's work is lost, wherever somebody died; the marker tells who comes next. */
  (_nr_pr == 1);
  assert(has_marker || (!has_state && !has_page && total == SIZE && !is_leaving));
}
