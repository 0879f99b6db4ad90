// What the emulated GPU says where it cannot do what was asked: on stderr, and a line in the file CLF_EMULATED_FAILURES.
#pragma once
#include <cstdarg>
#include <cstdio>
#include <cstdlib>

__attribute__((format(printf, 1, 2))) static void clf_complain(const char *format, ...) {
    char text[4096];
    va_list values;
    va_start(values, format);
    vsnprintf(text, sizeof text, format, values);
    va_end(values);
    fprintf(stderr, "emulated GPU: %s\n", text);
    const char *path = getenv("CLF_EMULATED_FAILURES");
    FILE *file = path ? fopen(path, "a") : nullptr;
    if (!file) return;
    fprintf(file, "%s\n", text);
    fclose(file);
}
