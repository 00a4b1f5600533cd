#!/usr/bin/perl
# SPDX-License-Identifier: ISC
# Sends the messages of a job with Net::SMTP over one connection: send.pl JOB.json
use strict;
use warnings;
use JSON::PP;
use Net::SMTP;

open(my $f, '<', $ARGV[0]) or die "$ARGV[0]: $!";
my $job = decode_json(join('', <$f>));
my %tls = (SSL_verify_mode => 0);
my $smtp = Net::SMTP->new($job->{host}, Port => $job->{port}, Hello => 'vm.tenant.example', Timeout => 20,
    SSL => $job->{wrapped} ? 1 : 0, %tls) or die "no connection";
$job->{wrapped} or $smtp->starttls(%tls) or die "no TLS";
for my $m (@{$job->{messages}}) {
	$smtp->mail($m->{from}) or last;
	my @ok = $smtp->to(@{$m->{to}}, {SkipBad => 1});
	if (!@ok) { $smtp->reset; next; }
	$smtp->data($m->{text}) or last;
}
$smtp->quit;
