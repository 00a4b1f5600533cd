/* SPDX-License-Identifier: ISC */
/*
 * Runs a fuzz harness over a corpus without a fuzzer: every file as it is, then mutations of it
 * that are the same on every run.  So the corpus is a regression test under plain `make test`.
 *
 *   fuzz_x [DIRECTORY|FILE]...      preset: tests/fuzz/corpus/x
 */
#include <dirent.h>
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define MUTATIONS 64	    /* of each file */
#define FILE_MAX  (4 << 20) /* bytes that are read of a file */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static unsigned long inputs;

/* Each input is an allocation of its own and exact size: reading past its end trips the sanitizer.
 */
static void
run(const uint8_t *data, size_t size)
{
	uint8_t *copy = malloc(size > 0 ? size : 1);

	if (copy == NULL)
		exit(1);
	memcpy(copy, data, size);
	LLVMFuzzerTestOneInput(copy, size);
	free(copy);
	inputs++;
}

/* splitmix64 (Steele, Lea, Flood 2014) */
static uint64_t
next_random(uint64_t *state)
{
	uint64_t z = *state += 0x9e3779b97f4a7c15u;
	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
	z = (z ^ z >> 27) * 0x94d049bb133111ebu;
	return z ^ z >> 31;
}

/* Changes up to eight places, and sometimes cuts the end or repeats a part.  `data` has room for 2
 * * size. */
static size_t
mutate(uint8_t *data, size_t size, uint64_t *random)
{
	static const uint8_t telling[] = {
	    0, 1, 0x7f, 0x80, 0xff, ' ', '\r', '\n', '.', '<', '>', ':'};
	unsigned changes = 1 + (unsigned)(next_random(random) % 8);

	for (unsigned i = 0; i < changes; i++) {
		size_t at = next_random(random) % size;
		uint64_t dice = next_random(random);
		if ((dice & 3) == 0)
			data[at] = (uint8_t)(dice >> 8);
		else if ((dice & 3) == 1)
			data[at] = telling[(dice >> 8) % sizeof(telling)];
		else
			data[at] = (uint8_t)(data[at] ^ 1u << (dice >> 8) % 8);
	}
	uint64_t dice = next_random(random) % 8;
	if (dice == 0)
		return next_random(random) % size;
	if (dice == 1) {
		size_t at = next_random(random) % size, n = next_random(random) % (size - at) + 1;
		memmove(data + at + n, data + at, size - at);
		return size + n;
	}
	return size;
}

static void
run_file(const char *path)
{
	uint8_t *data = malloc(FILE_MAX), *work = malloc(2 * FILE_MAX);
	FILE *file = fopen(path, "rb");

	if (data == NULL || work == NULL || file == NULL) {
		fprintf(stderr, "fuzz: %s cannot be read: %s\n", path, strerror(errno));
		exit(1);
	}
	size_t size = fread(data, 1, FILE_MAX, file);
	uint64_t random = size;
	fclose(file);
	run(data, size);
	for (size_t i = 0; i < size; i++)
		random = random * 31 + data[i];
	for (unsigned i = 0; i < MUTATIONS && size > 0; i++) {
		memcpy(work, data, size);
		size_t n = mutate(work, size, &random);
		run(work, n);
	}
	free(data);
	free(work);
}

static int
is_visible(const struct dirent *entry)
{
	return entry->d_name[0] != '.';
}

static void
run_path(const char *path)
{
	struct dirent **entries;
	struct stat st;

	if (stat(path, &st) == 0 && !S_ISDIR(st.st_mode)) {
		run_file(path);
		return;
	}
	int count = scandir(path, &entries, is_visible, alphasort);
	if (count <= 0) {
		fprintf(stderr, "fuzz: %s holds no inputs: put seeds there\n", path);
		exit(1);
	}
	for (int i = 0; i < count; i++) {
		char name[1024];
		snprintf(name, sizeof(name), "%s/%s", path, entries[i]->d_name);
		run_file(name);
		free(entries[i]);
	}
	free(entries);
}

int
main(int argc, char **argv)
{
	const char *slash = strrchr(argv[0], '/'), *program = slash != NULL ? slash + 1 : argv[0];
	char preset[512];

	run((const uint8_t *)"", 0);
	for (int i = 1; i < argc; i++)
		run_path(argv[i]);
	if (argc == 1) {
		snprintf(preset, sizeof(preset), "tests/fuzz/corpus/%s",
		    strncmp(program, "fuzz_", 5) == 0 ? program + 5 : program);
		run_path(preset);
	}
	printf("%s: %lu inputs\n", program, inputs);
	return 0;
}
