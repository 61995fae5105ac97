// SPDX-License-Identifier: GPL-2.0-only
/*
 * klog: what the kernel has said since a mark.
 *
 *	klog MARK		prints the lines behind the last one that has MARK in it
 *	klog MARK REGEX		those of them that match the extended regex
 *	klog -c MARK REGEX	says how many they are
 *	klog -q MARK REGEX	says only by its exit status whether there are any: 0, or 1
 *
 * In the tests this runs thousands of times, and "dmesg | awk" would be two processes.
 */
#include <regex.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/klog.h>
#include <unistd.h>

#define READ_ALL	3
#define SIZE_BUFFER	10

static void die(const char *what)
{
	perror(what);
	exit(2);
}

static char *read_all(void)
{
	int size = klogctl(SIZE_BUFFER, NULL, 0), n;
	/* "<6>" and the time of each line are not in the buffer that this is the size of */
	char *log = size < 0 ? NULL : malloc(4 * (size_t)size + 1);

	if (!log)
		die("klog");
	n = klogctl(READ_ALL, log, 4 * size);
	if (n < 0)
		die("klog");
	log[n] = 0;
	return log;
}

/* The line behind the last one with the mark. All if there is none: it has been overwritten. */
static char *behind(char *log, const char *mark)
{
	char *at = log, *found;

	while ((found = strstr(at, mark))) {
		at = strchr(found, '\n');
		if (!at)
			return found + strlen(found);
		at++;
	}
	return at;
}

/* Without the "<6>" before it */
static const char *text(const char *line)
{
	const char *end = *line == '<' ? strchr(line, '>') : NULL;

	return end ? end + 1 : line;
}

int main(int argc, char **argv)
{
	char option = argc > 1 && argv[1][0] == '-' ? argv[1][1] : 0;
	char **args = argv + 1 + !!option, *line, *next;
	const char *words = args[0] ? args[1] : NULL;
	unsigned int n = 0;
	regex_t regex;

	if (!args[0] || (option && (!strchr("cq", option) || !words))) {
		fputs("usage: klog MARK [REGEX], or klog -c|-q MARK REGEX\n", stderr);
		return 2;
	}
	if (words && regcomp(&regex, words, REG_EXTENDED | REG_NOSUB)) {
		fprintf(stderr, "klog: '%s' is no regular expression\n", words);
		return 2;
	}
	for (line = behind(read_all(), args[0]); *line; line = next) {
		next = strchr(line, '\n');
		if (next)
			*next++ = 0;
		else
			next = line + strlen(line);
		if (words && regexec(&regex, text(line), 0, NULL, 0))
			continue;
		n++;
		if (option == 'q')
			return 0;
		if (!option)
			puts(text(line));
	}
	if (option == 'c')
		printf("%u\n", n);
	return option == 'q';
}
