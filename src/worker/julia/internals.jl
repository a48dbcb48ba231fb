# Every internal of Julia that we touch, and no other file does but compiler.jl.
#
# | what                                   | versions                                                 | where in Julia                |
# |----------------------------------------|----------------------------------------------------------|-------------------------------|
# | jl_options, Base.JLOptions             | all; fields differ, set by name                          | base/options.jl               |
# | Core.ARGS                              | all; Vector{Any} to 1.11, Vector{String} from 1.12       | src/init.c                    |
# | Base._start                            | all; returns Int32, the exit status, from 1.11           | base/client.jl                |
# | Task(f, stack)                         | all; runs in its creator's world from 1.8                | src/task.c                    |
# | init_depot_path, init_load_path        | all                                                      | base/initdefs.jl              |
# | init_active_project                    | from 1.6 (before: init_load_path)                        | base/initdefs.jl              |
# | MAX_NUM_PRECOMPILE_FILES               | from 1.6; its variable belongs to the key                | base/loading.jl               |
# | Multimedia.reinit_displays             | all                                                      | base/multimedia.jl            |
# | global logger made at start-up         | stderr kept: 1.5, 1.6 (Logging); anew: from 1.11 (Base)  | stdlib/Logging, base/Base.jl  |
# | Libc.srand                             | all; its default is the time in seconds to 1.7           | base/libc.jl                  |
# | Random                                 | lazy: 1.5, 1.6; per task, split from the creator: 1.7 on | stdlib/Random                 |
# | have_truecolor                         | from 1.11                                                | base/terminfo.jl              |
# | STACKTRACE_MODULECOLORS                | from 1.9 which are left, and STACKTRACE_FIXEDCOLORS: whose they are; plain data before | base/errorshow.jl |
# | limit on open files                    | from 1.9 on raised to the hard one at the start          | src/support/libsupportinit.c  |
# | Filesystem.TEMP_CLEANUP                | all                                                      | base/file.jl                  |
# | jl_uv_file_handle, jl_stdout_stream    | all                                                      | src/jl_uv.c                   |
# | open(::RawFD) makes a stream           | all                                                      | base/stream.jl                |
# | stdout in an IOContext for --color     | from 1.6, where it is no terminal                        | base/stream.jl, reinit_stdio  |
# | display_error, current_exceptions      | all; Vector and catch_stack to 1.6, ExceptionStack from 1.7 | base/client.jl             |
# | jl_exit, jl_atexit_hook                | all                                                      | src/init.c                    |
# | jl_raise                               | from 1.9: a signal ends Julia as that signal; before: 128 + n | src/signals-unix.c       |
# | jl_filename, jl_lineno                 | to 1.12 plain data                                       | src/toplevel.c                |
# | jl_get_ptls_states, jl_sigatomic_begin | all; the field that the latter counts in is looked for    | src/threading.c               |
# | jl_engine_reserve, jl_engine_fulfill   | from 1.12; the field that they count in is looked for    | src/engine.cpp                |
# | safepoint pages                        | all; 3 pages to 1.10, 4 from 1.11; the first two are the main thread's | src/safepoint.c |
# | JLOptions.image_file                   | all; the path of the system image as it is mapped        | base/options.jl               |
# | jl_expand_with_loc_warn                | all; lowers a statement as the top level of a file does  | src/ast.c                     |
# | typeinf_ext_toplevel, jl_set_typeinf_func, jl_typeinf_world | all; asked with a mode from 1.11, with a second one from 1.12 | src/gf.c, Compiler/src/typeinfer.jl |
# | MethodInstance of a statement          | made field by field where it has `uninferred`; jl_method_instance_for_thunk from 1.12 | src/toplevel.c |
# | jl_compile_method_internal, jl_mi_cache_insert, jl_compile_codeinst | exported from 1.7; the last from 1.12, where the first leaves code for later | src/gf.c |
# | CodeInfo.code, Core.ReturnNode         | from 1.6 on (used where there is a hook for the parser)   | base/boot.jl                  |
# | jl_alloc_string                        | all; pooled to some 2,000 bytes                          | src/array.c, src/genericmemory.c |
# | trace_compile                          | all; the file is opened once, and flushed after each line | src/gf.c                     |
# | jl_new_structv                         | all; makes a struct without its constructors             | src/datatype.c                |
# | Core._parse                            | from 1.6; (text, file, line, offset, rule); _setparser! from 1.9 | base/meta.jl, base/boot.jl |
# | Base.include, jl_load                  | 1.5 only: the method that calls it is replaced           | base/Base.jl                  |
# | include_callbacks, cache_dependencies  | all; what depends on which file, with its time to 1.10   | base/loading.jl               |
# | pkgorigins                             | cachepath from 1.6                                       | base/loading.jl               |
# | REPL as standard library               | in the system image to 1.10; require_stdlib from 1.11    | base/loading.jl               |
# | LineEditREPL, run_frontend, REPLBackendRef, TTYTerminal | all; a question is (expression, 1), from 1.12 (function, 2) too; the answer (value, is an error) | stdlib/REPL |
# | banner                                 | Base to 1.10, REPL from 1.11                             | base/version.jl, stdlib/REPL  |
# | exit(n), exit_on_sigint(on)            | all; replaced in sessions                                | base/initdefs.jl, base/c.jl   |
# | atexit_hooks                           | all; from 1.10 on they may take the status               | base/initdefs.jl              |
# | identify_package, require(::PkgId)     | all                                                      | base/loading.jl               |
# | Random.THREAD_RNGs                     | to 1.6; made when first used                             | stdlib/Random                 |
# | Task.rngState0 and on                  | from 1.7; four words, from 1.10 five                     | base/boot.jl, src/julia.h     |
#
# Those of its compiler are touched in compiler.jl.
# What is absent is skipped with isdefined or hasfield; what misbehaves is found by the probes (probe.jl).

# ---- JLOptions, in place ----

const OPTION_NAMES = fieldnames(Base.JLOptions)

function option_index(name::String)
    for i in 1:length(OPTION_NAMES)
        String(OPTION_NAMES[i]) == name && return i
    end
    0
end

# `C_NULL` where this Julia has no such option.
function option_pointer(name::String)
    i = option_index(name)
    i == 0 ? C_NULL : cglobal(:jl_options, Cvoid) + fieldoffset(Base.JLOptions, i)
end

function set_option(name::String, value::Int32)
    p = option_pointer(name)
    p == C_NULL && return
    bytes = sizeof(fieldtype(Base.JLOptions, option_index(name)))
    bytes == 1 ? unsafe_store!(Ptr{Int8}(p), value % Int8) :
    bytes == 2 ? unsafe_store!(Ptr{Int16}(p), value % Int16) :
    bytes == 4 ? unsafe_store!(Ptr{Int32}(p), value) : unsafe_store!(Ptr{Int64}(p), Int64(value))
    nothing
end

# The C side keeps pointers for ever, so the copies are never freed.
duplicate(text::String) = ccall(:strdup, Ptr{UInt8}, (Cstring,), text)

function set_option(name::String, text::String)
    p = option_pointer(name)
    p == C_NULL || unsafe_store!(Ptr{Ptr{UInt8}}(p), duplicate(text))
    nothing
end

function set_commands(commands::Vector{String})
    p = option_pointer("commands")
    list = Ptr{Ptr{UInt8}}(Libc.malloc(8 * (length(commands) + 1)))
    for i in 1:length(commands)
        command = commands[i]
        # Julia's C side makes -L absolute once it knows the folder.
        text = startswith(command, "L") ? "L" * abspath(SubString(command, 2)) : command
        unsafe_store!(list, duplicate(text), i)
    end
    unsafe_store!(list, Ptr{UInt8}(C_NULL), length(commands) + 1)
    unsafe_store!(Ptr{Ptr{Ptr{UInt8}}}(p), list)
    nothing
end

function set_arguments(arguments::Vector{String})
    set_option("program_file", isempty(arguments) ? "" : arguments[1])
    empty!(Core.ARGS)
    append!(Core.ARGS, arguments)
    nothing
end

# ---- standard streams ----
# A worker boots with files as 0-2, so Julia's C side has file handles on duplicates of them. A client's file takes the
# place of that duplicate and needs no new stream; a terminal, pipe or socket gets a stream as at Julia's own start.

stdio_handle(fd) = fd == 0 ? ccall(:jl_stdin_stream, Ptr{Cvoid}, ()) :
                   fd == 1 ? ccall(:jl_stdout_stream, Ptr{Cvoid}, ()) : ccall(:jl_stderr_stream, Ptr{Cvoid}, ())
stdio_duplicate(fd) = Cint(ccall(:jl_uv_file_handle, Base.OS_HANDLE, (Ptr{Cvoid},), stdio_handle(fd)) |> as_number)
as_number(handle::RawFD) = reinterpret(Cint, handle)
as_number(handle) = Cint(handle)

is_file_like(fd) = ccall(:uv_guess_handle, Cint, (Cint,), fd) == Base.UV_FILE
is_open(fd) = ccall(:fcntl, Cint, (Cint, Cint, Cint...), fd, 1, 0) >= 0

function replace_stream(fd::Cint, duplicate::Cint)
    if !is_open(fd)
        return nothing                      # keeps /dev/null, as Julia's own start-up does
    elseif is_file_like(fd)
        dup_own(fd, duplicate)
        return nothing
    end
    keep = dup_high(fd)
    stream = open_stream(dup_high(fd))
    stream === nothing || redirect(fd, stream)
    ccall(:dup2, Cint, (Cint, Cint), keep, fd)             # a terminal's stream is on a description of its own
    close_fd(keep)
    nothing
end

open_stream(fd::Cint) = try open(RawFD(fd)) catch; nothing end
redirect(fd::Cint, stream) = (fd == 0 ? redirect_stdin(stream) : fd == 1 ? redirect_stdout(stream) : redirect_stderr(stream); nothing)

# ---- limits ----

const LIMIT_OPEN_FILES = 7                                             # RLIMIT_NOFILE, getrlimit(2)

# What is in force once Julia has started under this limit.
soft_limit(limit::Limit) = limit.resource == LIMIT_OPEN_FILES && VERSION >= v"1.9-" ? limit.hard : limit.soft

# ---- what Base's and the standard library's own start-up derives from environment, folder and streams ----

const HAS_ACTIVE_PROJECT = isdefined(Base, :init_active_project)
const HAS_TRUECOLOR = isdefined(Base, :have_truecolor)

function redo_startup()
    redo_surroundings()
    reseed()
    nothing
end

function redo_surroundings()
    Base.init_depot_path()
    Base.init_load_path()
    HAS_ACTIVE_PROJECT && Base.init_active_project()
    color_streams()
    Base.Multimedia.reinit_displays()
    HAS_TRUECOLOR && Core.eval(Base, :(have_truecolor = nothing))
    redo_logging()
    nothing
end

# With --color, what is no terminal says whether it wants colour (1.6+, `reinit_stdio`); without, it says nothing.
function color_streams()
    VERSION < v"1.6" && return
    color = Base.JLOptions().color
    for (name, stream) in ((:stdout, Base.stdout), (:stderr, Base.stderr))
        bare = stream isa IOContext ? stream.io : stream
        wanted = color == 0 || bare isa Base.TTY ? bare : IOContext(bare, :color => color == 1)
        wanted === stream || Core.eval(Base, :($name = $wanted))
    end
end

# The worker's own command line says --color=no. That is not what launches say that say nothing.
function forget_color()
    set_option("color", Int32(0))
    color_streams()
end

# 1.5 and 1.6 give their logger the stderr of start-up; from 1.11 on it is Base that makes one.
function redo_logging()
    if VERSION < v"1.7-"
        logging = loaded_module("Logging")
        logging === nothing || logging.__init__()
    elseif VERSION >= v"1.11-" && isdefined(Base.CoreLogging, :ConsoleLogger)
        Base.CoreLogging.global_logger(Base.CoreLogging.ConsoleLogger())
    end
    nothing
end

function loaded_module(name::String)
    for (id, m) in Base.loaded_modules
        id.name == name && return m
    end
    nothing
end

function random_seed()
    seed = Ref{UInt32}(0)
    ccall(:getrandom, Cssize_t, (Ptr{Cvoid}, Csize_t, Cuint), seed, 4, 0)
    seed[]
end

# Libc.rand (temporary names) and the random stream of this task, from which the program's is split.
function reseed()
    Libc.srand(random_seed())
    random = loaded_module("Random")
    random === nothing && return
    VERSION < v"1.7-" || VERSION >= v"1.11-" ? random.__init__() : random.seed!(random.GLOBAL_RNG)
    # To 1.6 one stream per thread is made when it is first used; one that is there already stays.
    isdefined(random, :THREAD_RNGs) && isassigned(random.THREAD_RNGs, 1) && random.seed!(random.THREAD_RNGs[1])
    nothing
end

# Before a worker serves: what it has itself made must not be cleaned up by the programs.
function forget_own_traces()
    isdefined(Base.Filesystem, :TEMP_CLEANUP) && empty!(Base.Filesystem.TEMP_CLEANUP)
    isdefined(Base, :STACKTRACE_MODULECOLORS) && Base.STACKTRACE_MODULECOLORS isa Iterators.Stateful && forget_module_colors()
    nothing
end

# From 1.9 on backtraces give each module a colour when it first appears in the process.
function forget_module_colors()
    for m in collect(keys(Base.STACKTRACE_FIXEDCOLORS))
        m === Base || m === Core || delete!(Base.STACKTRACE_FIXEDCOLORS, m)
    end
    Iterators.reset!(Base.STACKTRACE_MODULECOLORS, Base.STACKTRACE_MODULECOLORS.itr)
end

# One thread of Julia's. OpenBLAS has threads besides, and takes care of them in a fork by itself.
function has_one_thread()
    Threads.nthreads() == 1 || return false
    isdefined(Threads, :maxthreadid) && Threads.maxthreadid() != 1 && return false
    isdefined(Threads, :ngcthreads) && Threads.ngcthreads() != 1 && return false
    !isdefined(Threads, :threadpool) || Threads.nthreads(:interactive) == 0
end

# Variables that Julia's start-up itself has put into its environment (OPENBLAS_MAIN_FREE and the like).
function own_variables()
    given = split(String(read("/proc/self/environ")), '\0')
    names = Set(first(split(entry, '=')) for entry in given)
    Pair{String,String}[name => value for (name, value) in ENV if !(name in names)]
end

# ---- a session ----

# From now on `exit` ends a launch, and Ctrl-C is an exception for programs from files, too.
function keep_process()
    Core.eval(Base, :(exit(n) = $leave_by_exit(n)))
    Core.eval(Base, :(exit_on_sigint(on::Bool) = nothing))
    nothing
end

# The random stream of a task; to 1.6 there is one for all.
const RANDOM_STATE = [name for name in fieldnames(Task) if startswith(String(name), "rngState")]

# Lets a task that was not started go on with another's random numbers.
function continue_random(task::Task, other::Task)
    for name in RANDOM_STATE
        setfield!(task, name, getfield(other, name))
    end
end

# ---- a REPL ----

const REPL_ID = Base.PkgId(Base.UUID("3fa0cd96-eef1-5676-8a61-b3b8758bbffb"), "REPL")

# The module that runs REPLs, as Julia's own start would load it (load_REPL, base/client.jl); `nothing` where there is none.
load_repl() = try (isdefined(Base, :require_stdlib) ? Base.require_stdlib(REPL_ID) : Base.require(REPL_ID)) catch; nothing end

# Runs a REPL as Julia's own start does (run_main_repl, base/client.jl), with channels to somebody else in place of what evaluates.
function run_rehearsed(REPL::Module, stream, questions::Channel, answers::Channel)
    terminal = REPL.Terminals.TTYTerminal(ENV["TERM"], stream, stream, stream)
    isdefined(REPL, :banner) ? REPL.banner(terminal) : Base.banner(terminal)
    repl = REPL.LineEditREPL(terminal, true, true)
    REPL.run_frontend(repl, REPL.REPLBackendRef(questions, answers))
    nothing
end

# ---- the program ----

# Runs the program as Julia's own `main` would, on a stack of its own so that backtraces end where plain Julia's do.
function run_start(stack_bytes::UInt64)
    task = Base.invokelatest(Task, Base._start, Int(stack_bytes))
    PROGRAM[] = task
    schedule(task)
    status = try
        wait(task)
        task.result
    catch
        report_escaped(task.result)
        Int32(1)
    end
    exit_below_no_frames(status isa Int32 ? status : Int32(0))
end

# An exception that escaped Julia's own start: showing another one failed (`jl_no_exc_handler`, src/task.c).
function report_escaped(exception)
    err = ccall(:jl_stderr_stream, Ptr{Cvoid}, ())
    ccall(:jl_uv_puts, Cvoid, (Ptr{Cvoid}, Cstring, Csize_t), err, NO_HANDLER, sizeof(NO_HANDLER))
    ccall(:jl_static_show, Csize_t, (Ptr{Cvoid}, Any), err, exception)
    ccall(:jl_uv_puts, Cvoid, (Ptr{Cvoid}, Cstring, Csize_t), err, "\n", 1)
    nothing
end
const NO_HANDLER = "fatal: error thrown and no exception handler available.\n"

# Calls jl_exit on a stack where nothing of ours lies, since exit hooks may show where they were called from. The first words
# of ucontext_t are the same on x86-64 and AArch64: flags, link, then the stack's address, flags and size (makecontext(3)).
function exit_below_no_frames(status::Int32)
    size = 8 << 20
    stack = ccall(:mmap, UInt, (UInt, UInt, Cint, Cint, Cint, Clong), 0, size, 3, 0x22, -1, 0)
    context = ccall(:calloc, Ptr{UInt}, (Csize_t, Csize_t), 1, 16384)
    if stack != typemax(UInt) && context != C_NULL && ccall(:getcontext, Cint, (Ptr{UInt},), context) == 0
        unsafe_store!(context, UInt(0), 2)
        unsafe_store!(context, stack, 3)
        unsafe_store!(context, UInt(size), 5)
        ccall(:makecontext, Cvoid, (Ptr{UInt}, Ptr{Cvoid}, Cint, Cint), context, cglobal(:jl_exit), 1, status)
        ccall(:setcontext, Cint, (Ptr{UInt},), context)
    end
    ccall(:jl_exit, Cvoid, (Int32,), status)
end

# Shows the exception that is being handled as Julia's own start does: 1.5 and 1.6 take a vector, 1.7 on an ExceptionStack.
function show_error(io, task::Task = current_task())
    Base.invokelatest(Base.display_error, io, exception_stack(task))
    nothing
end
exception_stack(task::Task = current_task()) = isdefined(Base, :current_exceptions) ? Base.current_exceptions(task) : Base.catch_stack(task)

# ---- compiling ahead ----

# From now on the names of methods that get compiled are written to `path`, as --trace-compile does.
function trace_compiling(path::String)
    unsafe_store!(Ptr{Ptr{UInt8}}(option_pointer("trace_compile")), duplicate(path))
    nothing
end
stop_tracing() = (p = option_pointer("trace_compile"); p == C_NULL || unsafe_store!(Ptr{Ptr{UInt8}}(p), C_NULL); nothing)

collecting(on::Bool) = GC.enable(on)

new_struct(T, fields::Vector{Any}) = ccall(:jl_new_structv, Any, (Any, Ptr{Any}, UInt32), T, fields, length(fields))

# Of `size` bytes, not set to anything.
new_string(size::Int) = ccall(:jl_alloc_string, Ref{String}, (Csize_t,), size)

# ---- a program whose first statements have been evaluated ----

const HAS_PARSER_HOOK = isdefined(Core, :_parse)

# From now on `include` evaluates the rest of that program's file only.
use_rest() = HAS_PARSER_HOOK ? set_parser(ParseRest(Core._parse)) : replace_include()
set_parser(parser) = (isdefined(Core, :_setparser!) ? Core._setparser!(parser) : Core.eval(Core, :(_parse = $parser)); nothing)

function forget_rest(parser)
    REST[] = nothing
    set_parser(parser)
end

# Julia 1.5 reads and parses in C (`jl_load`), so the method that calls it is replaced by one that looks first. Backtraces
# show it where they show Julia's own. Julia's start is compiled again then, half a second: a successor does it for all branches.
prepare_rest() = (HAS_PARSER_HOOK || replace_include(); nothing)
const INCLUDE_IS_REPLACED = Ref(false)

function replace_include()
    INCLUDE_IS_REPLACED[] && return
    # Line by line where Julia's own has the same: errors and callbacks show it.
    code = :(function include(mapexpr::Function, mod::Module, _path::AbstractString)
        file, outer = _include_dependency(mod, _path)
        for callback in include_callbacks                              # a closure would be one more function of Base's
            invokelatest(callback, mod, file)
        end
        storage = task_local_storage()
        storage[:SOURCE_PATH] = file
        rest = mapexpr === identity ? $take_rest(file) : nothing
        #
        #
        try
            return rest !== nothing ? ccall(:jl_load_file_string, Any, (Ptr{UInt8}, Csize_t, Cstring, Any), rest, sizeof(rest), file, mod) :
                   mapexpr === identity ? ccall(:jl_load, Any, (Any, Cstring), mod, file) :
                   ccall(:jl_load_rewrite, Any, (Any, Cstring, Any), mod, file, mapexpr)
        finally
            outer === nothing ? delete!(storage, :SOURCE_PATH) : (storage[:SOURCE_PATH] = outer)
        end
    end)
    body = code.args[2].args
    first = body[findfirst(x -> !(x isa LineNumberNode), body) - 1].line
    Core.eval(Base, relocate(code, Int(which(Base.include, (Function, Module, String)).line) + 1 - first))
    INCLUDE_IS_REPLACED[] = true
    nothing
end
