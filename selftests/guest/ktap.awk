# SPDX-License-Identifier: GPL-2.0-only
#
# Reads KTAP, prints "ok NAME" or "not ok NAME" for every test that has no
# subtests. Variables: prefix (put before names), status (exit status of the
# script, or words when it has none). Anything that does not add up is one more
# failure: no plan, results missing or too many, a skip, a failed parent whose
# children all passed, a script that fails with all its tests passed.

function result(good, name, why) {
	print (good ? "ok " : "not ok ") prefix name (why == "" ? "" : " # " why)
	if (!good)
		bad++
}

{
	sub(/\r$/, "")
	match($0, /^ */)
	depth = int(RLENGTH / 4)
	line = substr($0, RLENGTH + 1)
}

line ~ /^# Subtest: / && depth > 0 {
	subtest[depth] = substr(line, 12)
}

line ~ /^1\.\.[0-9]+/ {
	plan[depth] = substr(line, 4) + 0
	planned[depth] = 1
	if (line ~ /SKIP/)
		result(0, "plan", "everything skipped")
}

line ~ /^(not )?ok [0-9]+/ {
	good = line !~ /^not/
	skip = line ~ /# *SKIP/
	name = line
	sub(/^(not )?ok [0-9]+ *(- )?/, "", name)
	sub(/ *#.*$/, "", name)
	if (name == "")
		name = "unnamed-" (seen[depth] + 1)
	gsub(/ /, "-", name)
	seen[depth]++
	child = depth + 1
	if (planned[child] || seen[child]) {
		# the sum of its children, which have been reported
		# KUnit of 6.12 plans no parameters of a test (depth 2)
		if (!planned[child] && child < 2 || planned[child] && plan[child] != seen[child])
			result(0, name, "planned " plan[child] " subtests, saw " seen[child])
		else if (!good && !badchild[child])
			result(0, name, "failed with no failing subtest")
		planned[child] = seen[child] = badchild[child] = 0
	} else {
		path = ""
		for (i = 1; i <= depth; i++)
			if (subtest[i] != "")
				path = path subtest[i] "."
		result(good && !skip, path name, skip ? "skipped" : "")
	}
	if (!good || skip)
		badchild[depth] = 1
}

END {
	if (!planned[0])
		result(0, "plan", "no plan" (status == "0" ? "" : ", status " status))
	else if (plan[0] != seen[0])
		result(0, "plan", "planned " plan[0] " tests, saw " seen[0] \
			(status == "0" ? "" : ", status " status))
	else if (status != "0" && !bad)
		result(0, "status", "all passed, but status " status)
}
