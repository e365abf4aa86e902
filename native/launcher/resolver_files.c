#include "resolver_files.h"

#include <string.h>

static int is_blank(char c)
{
    return c == ' ' || c == '\t';
}

/* Does the line start with this keyword, as its own word or with ':' behind it? */
static int has_keyword(const char *line, size_t length, const char *keyword)
{
    size_t size = strlen(keyword);

    return length > size && memcmp(line, keyword, size) == 0 && (is_blank(line[size]) || line[size] == ':');
}

static void append_line(struct text *text, const char *line, size_t length)
{
    text_append(text, line, length);
    text_append(text, "\n", 1);
}

void resolver_files_resolv_conf(const struct text *host, const char *server, struct text *result)
{
    static const char keyword[] = "nameserver ";
    size_t offset = 0, length = 0;

    result->length = 0;
    text_append(result, keyword, sizeof(keyword) - 1);
    append_line(result, server, strlen(server));
    for (const char *line; (line = text_next_line(host, &offset, &length)) != NULL;) {
        /* "." is systemd-resolved's way to say that there is no search list. */
        if (has_keyword(line, length, "search") || has_keyword(line, length, "domain") ||
            has_keyword(line, length, "options"))
            append_line(result, line, length);
    }
}

void resolver_files_nsswitch(const struct text *host, struct text *result)
{
    static const char hosts[] = "hosts: files dns";
    size_t offset = 0, length = 0;

    result->length = 0;
    append_line(result, hosts, sizeof(hosts) - 1);
    for (const char *line; (line = text_next_line(host, &offset, &length)) != NULL;) {
        size_t indent = 0;
        while (indent < length && is_blank(line[indent]))
            indent++;
        if (!has_keyword(line + indent, length - indent, "hosts"))
            append_line(result, line, length);
    }
}
