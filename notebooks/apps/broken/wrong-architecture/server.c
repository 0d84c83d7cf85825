/* Built with: cc -static -nostdlib -Os -o server server.c */

#if defined(__x86_64__)
__asm__(".globl _start\n_start: mov %rsp, %rdi\ncall serve\n");
enum { WRITE = 1, SOCKET = 41, ACCEPT = 43, BIND = 49, LISTEN = 50, READ = 0, CLOSE = 3 };

static long call(long number, long a, const void *b, long c) {
    long result;
    __asm__ volatile("syscall" : "=a"(result) : "a"(number), "D"(a), "S"(b), "d"(c)
                     : "rcx", "r11", "memory");
    return result;
}
#else
__asm__(".globl _start\n_start: mov x0, sp\nbl serve\n");
enum { WRITE = 64, SOCKET = 198, ACCEPT = 202, BIND = 200, LISTEN = 201, READ = 63, CLOSE = 57 };

static long call(long number, long a, const void *b, long c) {
    register long x8 __asm__("x8") = number, x0 __asm__("x0") = a;
    register const void *x1 __asm__("x1") = b;
    register long x2 __asm__("x2") = c;
    __asm__ volatile("svc 0" : "+r"(x0) : "r"(x8), "r"(x1), "r"(x2) : "memory");
    return x0;
}
#endif

static const char answer[] = "HTTP/1.1 200 OK\r\nContent-Length: 9\r\nConnection: close\r\n\r\nIt works\n";

void serve(long *stack) {
    unsigned port = 8080;
    for (char **variable = (char **)stack + *stack + 2; *variable; variable++) {
        char *text = *variable;
        if (text[0] == 'P' && text[1] == 'O' && text[2] == 'R' && text[3] == 'T' && text[4] == '=')
            for (port = 0, text += 5; *text; text++)
                port = port * 10 + *text - '0';
    }
    unsigned char address[16] = {2, 0, port >> 8, port & 255};
    long listener = call(SOCKET, 2, (void *)1, 0);
    call(BIND, listener, address, sizeof address);
    call(LISTEN, listener, (void *)100, 0);
    for (;;) {
        char request[4096];
        long client = call(ACCEPT, listener, 0, 0);
        call(READ, client, request, sizeof request);
        call(WRITE, client, answer, sizeof answer - 1);
        call(CLOSE, client, 0, 0);
    }
}
