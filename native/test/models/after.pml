/* The gate of a queue that comes after another (lib/queue/incarnation/gate.ts): askers find out whether the other queue is
 * done and none of its items is dead, and open the gate. Meanwhile a worker over there takes its last item to an end, as
 * done or as dead, and a master queues dead items again.
 *
 * Must fail with: NO_VERSION DEAD_FIRST LETTER_LATE BUMP_FIRST BUMP_LATE OPEN_ONCE NOT_DEAD_IS_DONE
 *
 * Every step is one request to the store over there. `is_open` is its node `open`, which is there while an item is not
 * done or dead. The gate never closes again, so what counts is the moment at which an asker was certain: at some moment
 * of its questions the other queue was done and nothing in it was dead.
 */
#define ASKERS 2
#define REDRIVES 2

mtype = { READY, DONE, DEAD };

mtype item = READY;
bool is_open = true;
bool has_letter = false;
byte letter_version = 0;
byte version = 0;              /* of the node `signal` */
bool gate_is_open = false;

/* Whether, since that asker began, there was a moment at which nothing was left to do over there, and nothing dead. */
bool was_fine[ASKERS];
bool is_asking[ASKERS];

inline note_moment() {
  for (i : 0 .. ASKERS - 1) {
    if
    :: is_asking[i] && item == DONE -> was_fine[i] = true
    :: else
    fi
  };
  skip
}

proctype Worker() {
  byte i;
end:
  do
  :: d_step { item == READY -> item = DONE; note_moment() }
  :: item == READY ->
#ifdef LETTER_LATE
     d_step { if :: item == READY -> item = DEAD :: else fi };
     d_step { has_letter = true; letter_version++ }
#else
     d_step { has_letter = true; letter_version++ };
     d_step { if :: item == READY -> item = DEAD :: else fi }
#endif
  :: item == DONE -> break
  od
}

/* Whoever sees that nothing is left to do. */
proctype Closer() {
end:
  do
  :: d_step { item != READY && is_open -> is_open = false }
  od
}

/* Opens, gives the item a new life, opens again since somebody may have closed what was complete until then, tells
 * everybody, then takes the letter away.
 */
proctype Master() {
  byte n = 0;
  byte letter;
end:
  do
  :: n < REDRIVES && item == DEAD && has_letter ->
     letter = letter_version;
#ifdef BUMP_FIRST
     version++;
#endif
     is_open = true;
     d_step { if :: item == DEAD -> item = READY :: else fi };
#ifndef OPEN_ONCE
     is_open = true;
#endif
#if !defined(BUMP_FIRST) && !defined(BUMP_LATE)
     version++;
#endif
     /* A letter of a later death stays. */
     d_step { if :: letter == letter_version -> has_letter = false :: else fi };
#ifdef BUMP_LATE
     version++;
#endif
     n++
  :: n == REDRIVES -> break
  :: item == DONE -> break
  od
}

proctype Asker(byte me) {
  bool is_dead;
  byte seen;
  byte i;
ask:
  skip;
  d_step { is_asking[me] = true; was_fine[me] = (item == DONE); seen = version };
#ifdef DEAD_FIRST
  is_dead = has_letter && item == DEAD;
#endif
  if
  :: is_open -> d_step { is_asking[me] = false }; goto again
  :: else
  fi;
#ifndef DEAD_FIRST
  /* The letters first, then the state of the page of each. */
  if
  :: !has_letter -> is_dead = false
#ifdef NOT_DEAD_IS_DONE
  :: else -> is_dead = (item == DEAD)
#else
  :: else -> is_dead = (item != DONE)
#endif
  fi;
#endif
#ifndef NO_VERSION
  if
  :: version != seen -> goto again
  :: else
  fi;
#endif
  if
  :: is_dead -> goto again
  :: else
  fi;
  d_step { assert(was_fine[me]); gate_is_open = true };
  goto over;
again:
  if
  :: goto ask
  :: goto over
  fi;
over:
  skip
}

init {
  atomic {
    run Worker();
    run Closer();
    run Master();
    run Asker(0);
    run Asker(1)
  }
}
