# What loading packages leaves behind in a process, and which files it depends on. The internals of Julia that are read here
# stand in the table of internals.jl.

# ---- what loading leaves behind ----

# Everything that a launch could not be given back, or that children would share.
struct State
    parts::Vector{Pair{String,Any}}
end

state() = State(Pair{String,Any}[
    "draws random numbers" => random_state(),
    "opens descriptors" => sort!([fd_link(name) for name in own_descriptors()]),
    "starts threads" => (rest_threads(); status_line("Threads:")),
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

# OpenBLAS ends its threads before a fork, in the parent too, and starts them again when they are needed (pthread_atfork(3)). So
# after a fork there are none but those that nobody takes care of.
function rest_threads()
    pid = ccall(:fork, Cint, ())
    pid == 0 && quit(0)
    pid > 0 && ccall(:waitpid, Cint, (Cint, Ptr{Cint}, Cint), pid, C_NULL, 0)
    nothing
end

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

# By its place: a package may take the place of a standard library, and its name. In a Julia that runs where it was built each
# is a link to its own folder.
function is_standard_library(m::Module)
    folder = joinpath(Sys.STDLIB, String(nameof(m)))
    isdir(folder) || return false
    path = pathof(m)
    path === nothing || !isfile(path) || startswith(realpath(path), joinpath(realpath(folder), ""))
end

function random_state()
    random = loaded_module("Random")
    random === nothing && return nothing
    # To 1.6 a stream is made when it is first used, from a file that is read ahead: children would share what was read.
    isdefined(random, :THREAD_RNGs) && return isassigned(random.THREAD_RNGs, 1) ? copy(random.THREAD_RNGs[1]) : nothing
    # From 1.10 on the state has a fifth word, which counts tasks.
    isdefined(random, :default_rng) ? ntuple(i -> getfield(copy(random.default_rng()), i), 4) : nothing
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
    found = try
        Base.cache_dependencies(cache)[2]
    catch
        throw(Refused("what $cache was made from cannot be read"))
    end
    String[included_file(item) for item in found]
end

# With its time to 1.10, by itself from 1.11 on.
included_file(item::AbstractString) = item
included_file(item::Tuple) = item[1]
included_file(item) = item.filename
