# Environments of apps, made by Pkg: run as `julia -e <this> -- result words…`, where each `env=<folder>` among the words
# begins a package and `key=value` words say which one. What was made goes into the file `result`.
#
# Public functions of Pkg do the work. Internals, and nothing else of them is touched:
#
# | what                         | versions             | why                                                            |
# |------------------------------|----------------------|----------------------------------------------------------------|
# | Base.ACTIVE_PROJECT          | all                  | `Pkg.activate` prints, and has no `io` before 1.6               |
# | Pkg.TOML                     | all                  | the standard library TOML came with 1.6                         |
# | Types.Context, PackageSpec, GitRepo, handle_repo_add! | 1.4 to 1.13 | a repository's package before its dependencies   |
# | Operations.find_installed    | 1.4 to 1.13          | where a tree of a package lies                                  |
# | OFFLINE_MODE                 | 1.5 on               | JULIA_PKG_OFFLINE: registries stay as they are                  |
# | Types.PkgError               | all                  | an error of the user's, to be shown without a backtrace         |

import Pkg

const Words = Dict{String,String}

"The packages that were asked for, in order."
function requests(words)
    all = Words[]
    for word in words
        key, value = split(word, '='; limit = 2)
        key == "env" && push!(all, Words())
        all[end][key] = value
    end
    return all
end

activate(folder) = (Base.ACTIVE_PROJECT[] = joinpath(folder, "Project.toml"); nothing)

"The keywords of `Pkg.PackageSpec` among the words."
function spec(words::Words, keys = ("name", "uuid", "version", "url", "path", "rev", "subdir"))
    found = Pair{Symbol,Any}[Symbol(key) => words[key] for key in keys if haskey(words, key)]
    found = [key === :uuid ? key => Base.UUID(value) : key => value for (key, value) in found]
    return Pkg.PackageSpec(; found...)
end

function first_file(folder, names)
    for name in names
        path = joinpath(folder, name)
        isfile(path) && return path
    end
    return nothing
end

function project_of(source)
    path = first_file(source, ("JuliaProject.toml", "Project.toml"))
    return path === nothing ? Dict{String,Any}() : Pkg.TOML.parsefile(path)
end

"Whether it can be an app at all; the rest is looked at by who asked."
has_apps(project) = haskey(project, "apps") || endswith(get(project, "name", ""), "_jll")

"The package of a repository, without its dependencies: where its source lies, and its entry in a manifest."
function repository(words::Words)
    package = Pkg.Types.PackageSpec()
    place = haskey(words, "url") ? words["url"] : words["path"]
    package.repo = Pkg.Types.GitRepo(source = place, rev = get(words, "rev", nothing), subdir = get(words, "subdir", nothing))
    is_new = Pkg.Types.handle_repo_add!(Pkg.Types.Context(), package)
    source = Pkg.Operations.find_installed(package.name, package.uuid, package.tree_hash)
    entry = Dict{String,Any}("uuid" => string(package.uuid), "git-tree-sha1" => string(package.tree_hash),
                             "repo-url" => package.repo.source, "repo-rev" => package.repo.rev)
    package.repo.subdir === nothing || (entry["repo-subdir"] = package.repo.subdir)
    return source, entry, is_new === true
end

# ---- what the package itself says of where its dependencies come from ----

"`[sources]` of a package, which Pkg looks at from 1.11 on, as two lists: folders to develop, repositories to add."
function sources(project, source, env)
    folders, repositories = Pkg.Types.PackageSpec[], Pkg.Types.PackageSpec[]
    for (name, place) in get(project, "sources", Dict{String,Any}())
        haskey(get(project, "deps", Dict{String,Any}()), name) || continue
        if haskey(place, "path")
            push!(folders, Pkg.PackageSpec(path = relpath(joinpath(source, place["path"]), env)))
        else
            push!(repositories, spec(Words("name" => name, (key => string(place[key]) for key in keys(place))...)))
        end
    end
    return folders, repositories
end

"The manifest that a package brings along for this Julia."
function bundled_manifest(source)
    line = string("-v", VERSION.major, ".", VERSION.minor, ".toml")
    return first_file(source, ("JuliaManifest" * line, "Manifest" * line, "JuliaManifest.toml", "Manifest.toml"))
end

"The entries of a manifest of either format: those of the second are in a table `deps`."
entries(manifest) = haskey(manifest, "manifest_format") ? get!(manifest, "deps", Dict{String,Any}()) : manifest

"An environment with the versions that the package brings along, and the package itself."
function bundle(env, source, project, entry)
    path = bundled_manifest(source)
    path === nothing && throw(Pkg.Types.PkgError("$(project["name"]) has no Manifest.toml of its own, which was to be used"))
    manifest = Pkg.TOML.parsefile(path)
    for (_, list) in entries(manifest), other in (list isa AbstractVector ? list : ())
        haskey(other, "path") && (other["path"] = relpath(joinpath(dirname(path), other["path"]), env))
    end
    haskey(project, "version") && (entry["version"] = project["version"])
    for key in ("deps", "weakdeps", "extensions")
        haskey(project, key) && (entry[key] = project[key])
    end
    entries(manifest)[project["name"]] = [entry]
    # Of the package's own project; Pkg makes another one when it next resolves.
    delete!(manifest, "project_hash")
    write_toml(joinpath(env, "Project.toml"), Dict("deps" => Dict(project["name"] => project["uuid"])))
    write_toml(joinpath(env, "Manifest.toml"), manifest)
    activate(env)
    Pkg.instantiate()
end

# ---- one environment ----

"The entry of a package in an environment's manifest, and its name."
function installed(env, words)
    project = Pkg.TOML.parsefile(joinpath(env, "Project.toml"))
    uuid = haskey(words, "name") ? project["deps"][words["name"]] :
           haskey(words, "uuid") ? lowercase(words["uuid"]) : only_value(project["deps"])
    for (name, list) in entries(Pkg.TOML.parsefile(joinpath(env, "Manifest.toml"))), entry in (list isa AbstractVector ? list : ())
        get(entry, "uuid", "") == uuid && return name, entry
    end
    throw(Pkg.Types.PkgError("there is no package in $env"))
end

only_value(table) = first(values(table))

"Makes one environment; says where the package's source is, or that it has no apps."
function resolve(words::Words)
    env = words["env"]
    activate(env)
    cd(env)
    haskey(words, "registry") && add_registry(words["registry"])
    wants_bundle(project) = haskey(words, "bundle") || get(project, "bundle_manifest", false) === true
    if haskey(words, "url") || haskey(words, "path")
        source, entry, is_new = repository(words)
        project = project_of(source)
        has_apps(project) || return Words("source" => source, "refused" => "yes")
        if wants_bundle(project)
            bundle(env, source, project, entry)
        else
            folders, repositories = sources(project, source, env)
            isempty(folders) || Pkg.develop(folders)
            Pkg.add([spec(words, ("url", "path", "rev", "subdir")); repositories])
        end
        # Pkg builds what it has just got; this it found in its place.
        should_build = is_new || haskey(words, "build")
        should_build && isfile(joinpath(source, "deps", "build.jl")) && Pkg.build(project["name"])
        return Words("source" => source, "name" => project["name"])
    end
    Pkg.add(spec(words))
    name, entry = installed(env, words)
    source = Pkg.dependencies()[Base.UUID(entry["uuid"])].source
    project = project_of(source)
    has_apps(project) || return Words("source" => source, "refused" => "yes")
    wants_bundle(project) && bundle(env, source, project, filter(pair -> pair.first != "deps", entry))
    return Words("source" => source, "name" => name)
end

function add_registry(word)
    given = occursin("://", word) ? (url = word,) : isdir(word) ? (path = word,) : (name = word,)
    Pkg.Registry.add(Pkg.RegistrySpec(; given...))
end

"A checkout of a package in Pkg's folder for development."
function develop(words::Words)
    activate(words["env"])
    Pkg.develop(spec(words))
    path = only_value(Pkg.dependencies() |> all -> filter(pair -> pair.second.is_direct_dep, all)).source
    return Words("source" => path)
end

"What Pkg has for this environment's manifest."
function instantiate(words::Words)
    activate(words["env"])
    Pkg.instantiate()
    return Words("source" => Pkg.dependencies()[Base.UUID(words["uuid"])].source)
end

# ---- all of them ----

"Keys and values as a file of TOML; `Pkg.TOML` writes no bare text of ours wrongly."
function write_toml(path, table)
    open(io -> Pkg.TOML.print(io, table), path, "w")
end

function work(words::Words)
    result = haskey(words, "develop") ? develop(words) : haskey(words, "instantiate") ? instantiate(words) : resolve(words)
    result["env"] = words["env"]
    return result
end

"The same where others can do without this one."
function attempt(words::Words)
    try
        return work(words)
    catch error
        error isa InterruptException && rethrow()
        complain(error)
        return Words("failed" => "yes", "env" => words["env"])
    end
end

function main(arguments)
    # What is compiled here would not be what the app needs, with its own flags.
    ENV["JULIA_PKG_PRECOMPILE_AUTO"] = "0"
    made, all = Words[], requests(arguments[2:end])
    VERSION >= v"1.6" && update_registries(all)
    for words in all
        push!(made, haskey(words, "keep-going") ? attempt(words) : work(words))
        haskey(made[end], "refused") && !haskey(words, "keep-going") && break
    end
    write_toml(arguments[1], Dict("package" => made))
    return 0
end

"""
From Julia 1.6 on Pkg looks for what is new in registries once a day where it adds something. Whoever calls this wants to know
it now; without a network what is there has to do, and Pkg has said so.
"""
function update_registries(all)
    isdefined(Pkg, :OFFLINE_MODE) && Pkg.OFFLINE_MODE[] && return
    any(words -> !haskey(words, "instantiate") && !haskey(words, "develop"), all) || return
    try
        Pkg.Registry.update()
    catch error
        error isa Pkg.Types.PkgError || rethrow()
        println(stderr, "jlapp: registries could not be brought up to date: ", sprint(showerror, error))
    end
end

"What went wrong, without a backtrace where it is Pkg's word to the user."
function complain(error)
    error isa InterruptException && return 130
    of_pkg = error isa Pkg.Types.PkgError || parentmodule(typeof(error)) === Pkg.Resolve
    printstyled(stderr, "ERROR: "; color = :red, bold = true)
    of_pkg ? showerror(stderr, error) : showerror(stderr, error, catch_backtrace())
    println(stderr)
    return 1
end

exit(try
    main(ARGS)
catch error
    complain(error)
end)
