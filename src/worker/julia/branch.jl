# A branch: a zygote for the launches of one program, forked from the zygote of its Julia. It has loaded what that program loads
# first, evaluated the statements in front of its file that only define, and compiled what earlier launches had to compile.
#
# Nothing may be different for a launch than if it had done that itself. So whatever loading leaves behind that a launch would
# not get back is a reason to have no branch.

struct Refused <: Exception
    why::String
end

const REFUSED = -3

# What a branch is made from: a job without descriptors, and notes of methods. For an app the folder and the depot that its
# package is loaded from.
struct Recipe
    job::Job
    folder::String
    app::Vector{String}                     # package, environment, depot; empty for other programs
    notes::Vector{String}
end

# A child of the zygote that becomes a branch. The descriptors: its control socket, the recipe, a file for the report.
function fork_branch(z::Zygote)
    length(z.arrived) == 3 || (foreach(close_fd, z.arrived); return)
    control, recipe, report = z.arrived
    pid = fork_repaired(z.inherited)
    if pid == 0
        leave_parent(z)
        own = dup_high(control), dup_high(recipe), dup_high(report)
        foreach(close_fd, z.arrived)
        grow_branch(own...)
    end
    foreach(close_fd, z.arrived)
    pid > 0 && push!(z.children, Child(pid, pidfd_open(pid), Cint(-1), C_NULL, 0, Cint(-1)))
    nothing
end

function grow_branch(control::Cint, recipe::Cint, report::Cint)
    occupy_low_numbers()
    zygote = new_zygote(control)
    end_with_parent(true)
    tell(zygote, READY, getpid(), 0)
    collecting(true)
    empty!(STAGES)
    stage("start")
    failed = 0
    about, compiled, files = "", 0, String[]
    try
        about, compiled = Base.invokelatest(grow, read_recipe(contents(recipe)), files)
    catch error
        failed = REFUSED
        about = error isa Refused ? error.why : first_line(sprint(showerror, error))
    end
    write_report(report, vcat(about, string(compiled), unique(files)))
    close_fd(recipe)
    close_fd(report)
    settle_down(zygote, failed)
end

first_line(text::String) = String(first(split(text, '\n')))

# ---- messages ----

function contents(fd::Cint)
    size = ccall(:lseek, Clong, (Cint, Clong, Cint), fd, 0, 2)                                         # SEEK_END
    bytes = zeros(UInt8, size)
    ccall(:pread, Cssize_t, (Cint, Ptr{UInt8}, Csize_t, Clong), fd, bytes, size, 0)
    bytes
end

function read_recipe(bytes::Vector{UInt8})
    c = Cursor(bytes, 1)
    folder = next_string!(c); app = next_strings!(c); notes = next_strings!(c)
    Recipe(decode_job(bytes, c.at), folder, app, notes)
end

function write_report(fd::Cint, facts::Vector{String})
    io = IOBuffer()
    for fact in facts
        write(io, htol(UInt32(sizeof(fact))), fact)
    end
    bytes = take!(io)
    ccall(:write, Cssize_t, (Cint, Ptr{UInt8}, Csize_t), fd, bytes, length(bytes))
    nothing
end

# ---- growing ----

# What was done, in words, and how many methods were compiled. `files` gets every file that it depends on.
function grow(recipe::Recipe, files::Vector{String})
    job = recipe.job
    ccall(:chdir, Cint, (Cstring,), recipe.folder) == 0 || throw(Refused("its folder is gone"))
    replace_environment(job.environment)
    for (name, value) in job.texts; set_option(name, value); end
    redo_startup()
    isempty(recipe.app) || enter_app(recipe.app)
    append!(files, environment_files())
    callback = (_, path) -> push!(files, path)
    push!(Base.include_callbacks, callback)
    GC.gc()                                                            # files that nobody holds any more are closed
    before = state()
    output = take_output()
    done = try
        Base.invokelatest(begin_program, recipe, files)
    catch
        append!(files, package_files())
        rethrow()
    finally
        filter!(other -> other !== callback, Base.include_callbacks)
        give_output_back(output)
    end
    stage("load")
    printed = is_written(output[1])
    close_fd(output[1])
    append!(files, Base.invokelatest(package_files))
    GC.gc()
    compare_states(before, Base.invokelatest(state))
    printed && throw(Refused("loading it prints something"))
    compiled = Base.invokelatest(compile_lines, recipe.notes)
    stage("methods")
    Base.invokelatest(use_start_again)
    ccall(:chdir, Cint, (Cstring,), "/")
    done, compiled
end

function enter_app(app::Vector{String})
    empty!(LOAD_PATH)
    push!(LOAD_PATH, app[2])
    app[3] in DEPOT_PATH || pushfirst!(DEPOT_PATH, app[3])
    nothing
end

# What the program does first.
function begin_program(recipe::Recipe, files::Vector{String})
    job = recipe.job
    isempty(recipe.app) || return load_packages([Symbol(recipe.app[1])])
    isempty(job.commands) || return load_packages(packages_of_commands(job.commands))
    isempty(job.arguments) && throw(Refused("it has no program"))
    begin_file(abspath(job.arguments[1]), files)
end

function load_packages(names::Vector{Symbol})
    isempty(names) && throw(Refused("it loads no package"))
    for name in names
        Base.require(Main, name)
    end
    "loaded " * join(unique(names), ", ")
end

function packages_of_commands(commands::Vector{String})
    found = Symbol[]
    for command in commands
        kind, text = command[1], SubString(command, 2)
        kind == 'm' && return push!(found, Symbol(first(split(text, '.'))))
        kind in ('e', 'E') || break
        take_leading!(found, statements(String(text), "none")) || return found
    end
    found
end

# Whether all of these statements load packages.
function take_leading!(found::Vector{Symbol}, list::Vector)
    for statement in list
        statement isa LineNumberNode && continue
        if statement isa Expr && statement.head === :toplevel                                          # several on a line
            take_leading!(found, statement.args) || return false
            continue
        end
        packages = packages_of(statement)
        append!(found, packages)
        isempty(packages) && return false
    end
    true
end

# Evaluates the statements in front of a program file that only define.
function begin_file(path::String, files::Vector{String})
    isfile(path) || throw(Refused("its file is gone"))
    push!(files, path)
    text = read(path, String)
    isvalid(text) || throw(Refused("its file is not UTF-8"))
    all = statements(text, path)
    starts = [(i, all[i-1].line) for i in 2:length(all) if all[i-1] isa LineNumberNode && !(all[i] isa LineNumberNode)]
    scope = Scope(Main, dirname(path))
    count = 0
    for (n, (i, line)) in enumerate(starts)
        Base.invokelatest(only_defines, all[i], scope) || break
        last = n < length(starts) ? starts[n+1][2] - 1 : typemax(Int)
        evaluate_lines(text, path, line, last)
        count = n
    end
    count == 0 && throw(Refused("it begins with something else than definitions"))
    line = count < length(starts) ? starts[count+1][2] : typemax(Int)
    rest = line == typemax(Int) ? "" : blank_before(text, line)
    tail = count < length(starts) ? all[starts[count+1][1]-1:end] : Any[]
    same_statements(statements(rest, path), tail) || throw(Refused("its statements do not begin on lines of their own"))
    REST[] = Rest(path, text, rest)
    count == length(starts) ? "evaluated all $count statements" : "evaluated $count statements, to line $(line - 1)"
end

same_statements(one::Vector, other::Vector) = isempty(other) ? all(x -> x isa Union{LineNumberNode,Nothing}, one) : one == other

function evaluate_lines(text::String, path::String, first::Int, last::Int)
    lines = split(from_line(text, first), '\n'; limit = last == typemax(Int) ? 0 : last - first + 2)
    last == typemax(Int) || length(lines) <= last - first + 1 || pop!(lines)
    storage = task_local_storage()
    storage[:SOURCE_PATH] = path
    try
        Base.invokelatest(Base.include_string, Main, repeat("\n", first - 1) * join(lines, '\n'), path)
    finally
        delete!(storage, :SOURCE_PATH)
    end
end

# Julia's own start, which loading or `use_rest` may have made to be compiled again; to nobody.
function use_start_again()
    REST[] === nothing || use_rest()
    output = take_output()
    as_program(["enothing"], String[])
    WARM_UP_FILE[] < 0 || as_program(String[], ["/proc/self/fd/$(WARM_UP_FILE[])"])
    foreach(flush, (stdout, stderr))
    give_output_back(output)
    close_fd(output[1])
end

# ---- what loading leaves behind ----

# Everything that a launch could not be given back, or that children would share.
struct State
    parts::Vector{Pair{String,Any}}
end

state() = State(Pair{String,Any}[
    "draws random numbers" => random_state(),
    "opens descriptors" => sort!([fd_link(name) for name in own_descriptors()]),
    "starts threads" => status_line("Threads:"),
    "changes signals" => [status_line(name) for name in ("SigBlk:", "SigIgn:", "SigCgt:")],
    "starts processes" => children(),
    "shares memory" => shared_mappings(),
    "changes the environment" => sort!(["$name=$value" for (name, value) in ENV]),
    "changes LOAD_PATH, DEPOT_PATH or the project" => (copy(LOAD_PATH), copy(DEPOT_PATH), Base.ACTIVE_PROJECT[]),
    "changes the folder" => pwd(),
    "replaces the logger" => Base.CoreLogging.global_logger(),
    "replaces standard streams" => (stdin, stdout, stderr),
    "adds displays" => length(Base.Multimedia.displays),
    "leaves temporary files" => isdefined(Base.Filesystem, :TEMP_CLEANUP) ? length(Base.Filesystem.TEMP_CLEANUP) : 0,
    "registers exit hooks" => [f for f in Base.atexit_hooks if !is_own_hook(f)],
])

function compare_states(before::State, after::State)
    for (one, other) in zip(before.parts, after.parts)
        isequal(one.second, other.second) || throw(Refused("loading it " * one.first * what_came(one.second, other.second)))
    end
end

what_came(before, after) = ""
function what_came(before::Vector, after::Vector)
    new = filter(item -> count(isequal(item), after) > count(isequal(item), before), after)
    isempty(new) ? "" : ": " * join(unique(string.(new)), ", ")
end

own_descriptors() = filter(name -> !endswith(fd_link(name), "/fd"), readdir("/proc/self/fd"))

function status_line(name::String)
    for line in eachline("/proc/self/status")
        startswith(line, name) && return line
    end
    ""
end

children() = isfile("/proc/self/task/$(getpid())/children") ? read("/proc/self/task/$(getpid())/children", String) : ""

shared_mappings() = count(line -> split(line)[2] == "rw-s", eachline("/proc/self/maps"))

# The standard library's own hooks are for every process, forked or not.
function is_own_hook(hook)
    root = Base.moduleroot(parentmodule(typeof(hook)))
    root in (Base, Core) || is_standard_library(root)
end

is_standard_library(m::Module) = isdir(joinpath(Sys.STDLIB, String(nameof(m))))

function random_state()
    random = loaded_module("Random")
    random === nothing && return nothing
    # To 1.6 a stream is made when it is first used, from a file that is read ahead: children would share what was read.
    isdefined(random, :THREAD_RNGs) && return isassigned(random.THREAD_RNGs, 1) ? copy(random.THREAD_RNGs[1]) : nothing
    isdefined(random, :default_rng) ? copy(random.default_rng()) : nothing
end

# ---- files ----

const PROJECT_NAMES = ["JuliaProject.toml", "Project.toml"]
const MANIFEST_NAMES = vcat(["JuliaManifest-v$(VERSION.major).$(VERSION.minor).toml", "Manifest-v$(VERSION.major).$(VERSION.minor).toml"],
                            ["JuliaManifest.toml", "Manifest.toml"])
const PREFERENCE_NAMES = ["JuliaLocalPreferences.toml", "LocalPreferences.toml"]

# Whatever decides which package a name means, whether it is there or not.
function environment_files()
    files = String[]
    for entry in Base.load_path()
        folder = isdir(entry) ? entry : dirname(entry)
        startswith(folder, Sys.STDLIB) && continue
        isdir(entry) || push!(files, entry)
        append!(files, joinpath.(folder, vcat(PROJECT_NAMES, MANIFEST_NAMES, PREFERENCE_NAMES)))
        isdir(entry) && !any(name -> isfile(joinpath(entry, name)), PROJECT_NAMES) && push!(files, entry)
        append!(files, other_manifest(entry))
    end
    files
end

# A manifest that is named by its project, or is that of a workspace (1.12).
function other_manifest(entry::String)
    try
        project = isdir(entry) ? joinpath(entry, PROJECT_NAMES[isfile(joinpath(entry, PROJECT_NAMES[1])) ? 1 : 2]) : entry
        isfile(project) || return String[]
        found = Base.project_file_manifest_path(project)
        found === nothing ? String[] : String[found]
    catch
        String[]
    end
end

# In front of a file whose times mean nothing: Julia sets those of a cache when it loads it.
const TOUCHED = "touched:"

# Sources, caches and projects of the packages that are loaded.
function package_files()
    files = String[]
    for (id, m) in Base.loaded_modules
        (m in (Base, Core, Main) || is_standard_library(m)) && continue
        path = pathof(m)
        path === nothing && continue
        root = dirname(dirname(path))
        append!(files, joinpath.(root, vcat(PROJECT_NAMES, PREFERENCE_NAMES)))
        append!(files, sources_below(dirname(path)))
        append!(files, sources_below(joinpath(root, "ext")))
        for cache in cache_files(id)
            push!(files, TOUCHED * cache)
            append!(files, included_files(cache))
        end
    end
    files
end

function sources_below(folder::String)
    files = String[]
    isdir(folder) || return files
    for (parent, _, names) in walkdir(folder), name in names
        endswith(name, ".jl") && push!(files, joinpath(parent, name))
    end
    files
end

function cache_files(id)
    if isdefined(Base, :pkgorigins) && haskey(Base.pkgorigins, id) && hasproperty(Base.pkgorigins[id], :cachepath)
        path = Base.pkgorigins[id].cachepath
        return path isa String ? [path] : String[]
    end
    try Base.find_all_in_cache_path(id) catch; String[] end
end

# What a package has included or declared to depend on, wherever it lies.
function included_files(cache::String)
    try
        String[item isa Tuple ? item[1] : item.filename for item in Base.cache_dependencies(cache)[2]]
    catch
        String[]
    end
end

# ---- rehearsing ----

# What branches have to be spared of compiling: a child of a successor goes through all of it, with a program of ours.
const BRANCH_TEXT = """
using Base: sort
"Documented."
struct Thing{T<:Real} <: Number
    x::T
    Thing(x::T) where {T<:Real} = new{T}(x)
end
mutable struct Other; y::Vector{Int}; end
abstract type Kind end
const A = 1
const NAMES = ["a", -1]
module Inner
export f
f(x::T; y = 1) where {T} = x + y
end
Base.show(io::IO, x::Other) = print(io, "other")
function work(x::Thing{T}, y...; z::Int = 1)::Int where T
    @assert z > 0
    sum(map(a -> a + 1, [1, 2]))
end
@inline g(x) = @inbounds x[1]
(k::Other)(x) = x
main(args) = work(Thing(1.0))
println(main(ARGS))
"""

function rehearse_branch(folder::String)
    path = joinpath(folder, "branch.jl")
    write(path, BRANCH_TEXT)
    job = Job(UInt32[], 0o22, 0, 0, Limit[], String[name * "=" * value for (name, value) in ENV], [path], String[],
              Pair{String,Int32}[], Pair{String,String}[], UInt64(8 << 20))
    grow(Recipe(job, folder, String[], ["precompile(Tuple{typeof(Main.work), Main.Thing{Float64}})"]), String[])
    report = memory_file("report")
    write_report(report, String["a"])
    close_fd(report)
    read_recipe(rehearsal_recipe(job, folder))
end

function rehearsal_recipe(job::Job, folder::String)
    string_bytes(text) = vcat(reinterpret(UInt8, [UInt32(sizeof(text))]), codeunits(text))
    list(items) = vcat(reinterpret(UInt8, [UInt32(length(items))]), map(string_bytes, items)...)
    UInt8[string_bytes(folder); list(String[]); list(["a"]); zeros(UInt8, 4 + 4 + 8 + 4 + 4); list(job.environment); list(job.arguments);
          list(String[]); zeros(UInt8, 4 + 8)]
end
