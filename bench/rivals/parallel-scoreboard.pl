# The same jobs done by Parallel::Scoreboard: prints seconds per call, one number a line.
#
#   perl parallel-scoreboard.pl update|read DIR BUDGET_MS WORKERS

use strict;
use warnings;
use Parallel::Scoreboard;
use Time::HiRes qw(clock_gettime CLOCK_MONOTONIC);

my ($job, $dir, $budget_ms, $count) = @ARGV;
my $seconds = $budget_ms / 1000;
my @statuses = map { substr("$_ GET /some/path/that/is/long/enough " . '.' x 64, 0, 64) } 0 .. 63;

sub now { clock_gettime(CLOCK_MONOTONIC) }

sub measure {
    my ($calls, $call) = @_;
    my $warm_until = now() + $seconds / 4;
    $call->($_) while now() < $warm_until && ++$_;
    my $until = now() + $seconds;
    my $samples = 0;
    while ($samples++ < 5 || now() < $until) {
        my $before = now();
        $call->($_) for 1 .. $calls;
        printf "%.12f\n", (now() - $before) / $calls;
    }
}

if ($job eq 'update') {
    my $board = Parallel::Scoreboard->new(base_dir => $dir);
    measure(50, sub { $board->update($statuses[ $_[0] & 63 ]) });
    exit 0;
}

# The children live until their end of the pipe reads end of file.
pipe(my $end, my $keep) or die "pipe: $!";
pipe(my $hear, my $tell) or die "pipe: $!";
my @workers;
for my $number (1 .. $count) {
    my $pid = fork() // die "fork: $!";
    if ($pid == 0) {
        close $keep;
        my $board = Parallel::Scoreboard->new(base_dir => $dir);
        $board->update($statuses[ $number & 63 ]);
        syswrite $tell, '!';
        sysread $end, my $nothing, 1;
        exit 0;
    }
    push @workers, $pid;
}
my $ready = 0;
$ready += sysread($hear, my $bytes, 4096) // die "read: $!" while $ready < $count;

my $reader = Parallel::Scoreboard->new(base_dir => $dir, worker_id => sub { 'reader' });
measure(1, sub {
    my $found = keys %{ $reader->read_all };
    die "expected $count workers, found $found" if $found != $count;
});
close $keep;
waitpid $_, 0 for @workers;
